"""The registry: the ledgers of a deployment, in a table of the deployment's database.

Without the table there is one ledger, `main`. The registry is read and written as the owner of the database;
the writer role of `main` may read it.
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database.connection import Connection
from database.naming import MAIN_SCHEMA, role_of
from database.schema import BASELINE
from database.scripts import run_script
from runtime.failures import CommandFailed

NUMBER_MAX = 4095
"""Ids have twelve bits for the number of their ledger."""

MAIN = "main"


class LedgerEntry(msgspec.Struct, frozen=True):
    """One ledger. `carriers` are those whose flights it takes; `main` without carriers takes all others.

    `url_variable`: name of the environment variable with the connection string of its server; None: the
    deployment's own database.
    """

    name: str
    number: int
    carriers: tuple[str, ...] = ()
    is_retired: bool = False
    url_variable: str | None = None
    is_paused: bool = False
    """True while a move to another server keeps commands out."""

    @property
    def schema(self) -> str:
        return MAIN_SCHEMA if self.name == MAIN else f"{MAIN_SCHEMA}_{self.name}"


ONLY_MAIN = (LedgerEntry(MAIN, 0),)


class RegistryError(CommandFailed):
    """The registry has no such ledger, or a ledger cannot be added as asked."""


def find_entry(entries: Iterable[LedgerEntry], name: str) -> LedgerEntry:
    """Return the entry with this name. Raises RegistryError."""
    entries = list(entries)
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in entries)
    raise RegistryError(f"there is no ledger {name!r}; the ledgers are: {known}")


def url_of(entry: LedgerEntry, deployment_url: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the connection string of a ledger. Raises RegistryError if its variable is not set."""
    url = deployment_url
    if entry.url_variable:
        if not environment.get(entry.url_variable):
            raise RegistryError(
                f"the ledger {entry.name} is on the server that {entry.url_variable} names: set this variable"
            )
        url = environment[entry.url_variable]
    if entry.name == MAIN:
        return url
    options = str(conninfo_to_dict(url).get("options") or "")
    return make_conninfo(url, options=f"{options} -csearch_path={entry.schema}".strip())


async def read(connection: Connection) -> tuple[LedgerEntry, ...]:
    """Return all ledgers in order of their numbers."""
    if not (await (await connection.execute(_EXISTS)).fetchone() or (False,))[0]:
        return ONLY_MAIN
    return _entries(await (await connection.execute(_ENTRIES)).fetchall())


async def read_numbered_from(connection: Connection) -> int:
    """Return the Unix time in milliseconds since which ids name their ledger. Earlier ones are of `main`.

    It is 0 for a log that began with this schema. The connection is one to `main`.
    """
    row = await (await connection.execute(_NUMBERED_FROM, (BASELINE,))).fetchone()
    return int(row[0]) if row else 0


def read_sync(connection: psycopg.Connection[Any]) -> tuple[LedgerEntry, ...]:
    """Return all ledgers in order of their numbers."""
    if not (connection.execute(_EXISTS).fetchone() or (False,))[0]:
        return ONLY_MAIN
    return _entries(connection.execute(_ENTRIES).fetchall())


def _entries(rows: Iterable[tuple[Any, ...]]) -> tuple[LedgerEntry, ...]:
    return tuple(
        LedgerEntry(name, number, tuple(carriers), state == "retired", url_variable, is_paused)
        for name, number, carriers, state, url_variable, is_paused in rows
    )


def begin_entry(
    connection: psycopg.Connection[Any], name: str, carriers: Iterable[str], url_variable: str | None
) -> LedgerEntry:
    """Return a new ledger with the next number, and keep others from adding one until the transaction ends.

    The first one makes the registry. Raises RegistryError for a name, a carrier or a number that is taken or
    not allowed.
    """
    _make_and_lock(connection)
    entries = read_sync(connection)
    number = 1 + max(entry.number for entry in entries)
    entry = LedgerEntry(name, number, tuple(carriers), url_variable=url_variable)
    _check(entry, entries)
    return entry


def add_entry(connection: psycopg.Connection[Any], entry: LedgerEntry) -> None:
    """Record a ledger, which must exist by now. Processes notice it within seconds."""
    connection.execute(_ADD, (entry.name, entry.number, list(entry.carriers), entry.url_variable))


def retire(connection: psycopg.Connection[Any], name: str) -> None:
    """Make a ledger read-only. Raises RegistryError for an unknown one, and for `main`."""
    if find_entry(read_sync(connection), name).name == MAIN:
        raise RegistryError("the ledger main cannot be retired")
    connection.execute("update seatledger.ledgers set state = 'retired' where name = %s", (name,))


def change_carriers(connection: psycopg.Connection[Any], name: str, carriers: Iterable[str]) -> None:
    """Give a ledger these carriers. Flights that it has stay in it. Raises RegistryError."""
    _make_and_lock(connection)
    entries = read_sync(connection)
    entry = msgspec.structs.replace(find_entry(entries, name), carriers=tuple(carriers))
    _check(entry, [other for other in entries if other.name != name])
    connection.execute(
        "update seatledger.ledgers set carriers = %s where name = %s", (list(entry.carriers), name)
    )


def pause(connection: psycopg.Connection[Any], name: str, seconds: float) -> None:
    """Keep commands out of a ledger for at most this long; 0 ends the pause. Processes notice in seconds."""
    run_script(connection, _CREATE)
    connection.execute(_PAUSE, (seconds, name))


def move(connection: psycopg.Connection[Any], name: str, url_variable: str | None) -> None:
    """Record where a ledger is now, and end its pause."""
    connection.execute(_MOVE, (url_variable, name))


def _make_and_lock(connection: psycopg.Connection[Any]) -> None:
    """Make the registry if there is none, and keep others from changing it until the transaction ends."""
    run_script(connection, _CREATE)
    run_script(connection, _GRANT.format(role_of(MAIN_SCHEMA, "writer")))
    connection.execute("lock table seatledger.ledgers in exclusive mode")


def _check(entry: LedgerEntry, entries: Iterable[LedgerEntry]) -> None:
    if not _NAME.fullmatch(entry.name):
        raise RegistryError(
            f"{entry.name!r} is no name for a ledger: it needs 1 to 30 lower-case letters, digits or"
            " underscores, and begins with a letter"
        )
    if entry.number > NUMBER_MAX:
        raise RegistryError(
            f"there are {NUMBER_MAX} ledgers besides main already, and ids have no more numbers"
        )
    for carrier in entry.carriers:
        if not _CARRIER.fullmatch(carrier):
            raise RegistryError(f"{carrier!r} is no carrier: use the first two characters of flight numbers")
    for other in entries:
        if other.name == entry.name:
            raise RegistryError(f"there is a ledger {entry.name} already")
        if shared := sorted(set(other.carriers) & set(entry.carriers)):
            raise RegistryError(f"the ledger {other.name} has the carrier {shared[0]} already")


_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_CARRIER = re.compile(r"[A-Z0-9]{2}")

_EXISTS: LiteralString = "select to_regclass('seatledger.ledgers') is not null"
# A registry that an earlier release made has no pauses.
_ENTRIES: LiteralString = """
    select name, number, carriers, state, url_variable,
        coalesce((to_jsonb(ledgers) ->> 'paused_until')::timestamptz > clock_timestamp(), false)
    from seatledger.ledgers order by number
"""
_CREATE: LiteralString = """
    create schema if not exists seatledger;
    create table if not exists seatledger.ledgers (
        name         text        collate "C" primary key,
        number       integer     not null unique check (number between 0 and 4095),
        carriers     text[]      not null,
        state        text        not null default 'active' check (state in ('active', 'retired')),
        url_variable text,
        created_at   timestamptz not null default clock_timestamp()
    );
    alter table seatledger.ledgers add column if not exists paused_until timestamptz;
    comment on schema seatledger is 'The registry of the ledgers of this deployment';
    comment on table seatledger.ledgers is 'One row per ledger; each is a schema in this database or another';
    comment on column seatledger.ledgers.number is 'Part of all ids of the ledger';
    comment on column seatledger.ledgers.carriers is 'Carriers whose flights it takes';
    comment on column seatledger.ledgers.url_variable is
        'Environment variable with the connection string of its server; null: this database';
    comment on column seatledger.ledgers.paused_until is
        'Time until which a move keeps commands out; it passes by itself if the move is killed';
    insert into seatledger.ledgers (name, number, carriers) values ('main', 0, '{}') on conflict do nothing
"""
_GRANT: LiteralString = """
    grant usage on schema seatledger to {0};
    grant select on seatledger.ledgers to {0}
"""
_NUMBERED_FROM: LiteralString = """
    select ceil(extract(epoch from applied_at) * 1000) from migrations
    where version = %s and applied_at > (select recorded_at from events order by position limit 1)
"""
_ADD: LiteralString = """
    insert into seatledger.ledgers (name, number, carriers, url_variable) values (%s, %s, %s, %s)
"""
_PAUSE: LiteralString = """
    update seatledger.ledgers
    set paused_until = statement_timestamp() + make_interval(secs => %s) where name = %s
"""
_MOVE: LiteralString = """
    update seatledger.ledgers set url_variable = %s, paused_until = null where name = %s
"""
