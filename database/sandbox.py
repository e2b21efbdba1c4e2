"""Sandboxes: ledgers to try an integration with, whose clock can be moved forward.

A ledger is a sandbox from its first transaction on, or never. It then has functions of its own for the time
(`sandbox.sql`), and its sessions search its schema before PostgreSQL's, so each statement that asks for the
time gets that of the sandbox. `pg_catalog.clock_timestamp()` is the machine's time, for the ages of the
program's own work.
"""

from pathlib import Path
from typing import Any, LiteralString

import psycopg

from database.connection import SANDBOX_PATH, Connection, Unusable
from database.naming import current_schema
from database.scripts import run_script
from runtime.failures import USAGE, CommandFailed

KINDS = {True: "a sandbox", False: "live"}
_ADVICE = {
    True: "start with --sandbox, or name another database or data folder",
    False: "start without --sandbox, or name another database or data folder",
}

ADVANCE: LiteralString = """
    update sandbox set ahead = ahead
        + make_interval(secs => (select sum(seconds) from unnest(%b::int4[]) as moves (seconds)))
"""
"""Moves the clock of a sandbox forward by each of these seconds."""

_IS_SANDBOX: LiteralString = """
    select exists (
        select from pg_catalog.pg_proc join pg_catalog.pg_class on relnamespace = pronamespace
        where proname = 'clock_timestamp' and pg_class.oid = pg_catalog.to_regclass('migrations'))
"""
"""current_schema() fails where the ledger was moved away: it then makes a schema for temporary tables."""


class WrongKind(CommandFailed, Unusable):
    """The program is for live ledgers and this one is a sandbox, or the other way round."""

    exit_code = USAGE

    def __init__(self, is_sandbox: bool) -> None:
        super().__init__(f"this ledger is {KINDS[is_sandbox]}: {_ADVICE[is_sandbox]}")


def make_sandbox(connection: psycopg.Connection[Any]) -> None:
    """Make a new ledger a sandbox, in the transaction that makes the ledger."""
    run_script(connection, (Path(__file__).resolve().parent / "sandbox.sql").read_text(encoding="utf-8"))
    path = SANDBOX_PATH.format(schema=current_schema(connection))
    connection.execute("select set_config('search_path', %s, false)", (path,))


def is_sandbox(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the ledger of the connection is a sandbox. Raises psycopg.Error."""
    return bool((connection.execute(_IS_SANDBOX).fetchone() or (False,))[0])


def require_kind(connection: psycopg.Connection[Any], wants_sandbox: bool) -> None:
    """Raise WrongKind unless the ledger, if there is one, is of this kind. Raises psycopg.Error."""
    (ledger,) = connection.execute("select to_regclass('migrations')").fetchone() or (None,)
    if ledger is not None and is_sandbox(connection) is not wants_sandbox:
        raise WrongKind(not wants_sandbox)


async def check_kind(connection: Connection, wants_sandbox: bool) -> None:
    """Raise WrongKind unless the ledger of the connection is of this kind. Raises psycopg.Error."""
    (found,) = await (await connection.execute(_IS_SANDBOX)).fetchone() or (False,)
    if found is not wants_sandbox:
        raise WrongKind(not wants_sandbox)
