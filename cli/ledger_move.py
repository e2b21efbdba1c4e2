"""The move of a ledger to another server: copy while it is in use, verify both, pause, seal, switch."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import LiteralString

import msgspec
import psycopg

from analytics.follower.follower import Follower
from analytics.follower.lag import lags
from analytics.schema import migrate
from audit.verify import verify, verify_part
from database import registry
from database.connection import connect, connect_sync
from database.readers import own_readers
from database.registry import LedgerEntry, RegistryError
from database.replication import CopyFailed, LedgerCopy, last_event
from database.sandbox import is_sandbox
from database.sealing import find_sealed, seal, sealed_name, unseal

DEPLOYMENT = "DATABASE_URL"
"""The variable that stands for the deployment's own database, also where that is the embedded server."""

COPY_SECONDS_MAX = 24 * 3600.0
ERRORS_MAX = 20
PAUSE_SECONDS_MAX = 15.0
"""Limit on the time without commands. Past it, the ledger stays where it is."""

REPORT_SECONDS = 1.0
POLL_SECONDS = 0.2

_HEAD: LiteralString = "select coalesce(max(position), 0) from events"

Say = Callable[[str], None]


class Move(msgspec.Struct, frozen=True):
    """A finished move. `sealed` is the schema that the old server keeps, which no process can use.

    `ok`, `first_bad_position` and `reason` are of the verification on the new server.
    """

    ledger: str
    ok: bool
    events: int
    first_bad_position: int | None
    reason: str | None
    paused_seconds: float
    sealed: str


def move_ledger(url: str, name: str, variable: str, say: Say) -> Move:
    """Move a ledger to the server that an environment variable names.

    `url` is the deployment's database. The ledger is in use until a short pause at the end, in which its
    callers get 503. Raises RegistryError, CopyFailed, NotSealed; the ledger then stays in use where it was.
    The next move repairs one that was killed.
    """
    entry, moved = _entries(url, name, variable)
    source_url, target_url = registry.url_of(entry, url), registry.url_of(moved, url)
    with (
        connect_sync(source_url, "seatledger move") as source,
        connect_sync(target_url, "seatledger move") as target,
    ):
        if is_sandbox(source):
            raise RegistryError(f"{name} is a sandbox, which does not move: make another one there")
        copy = LedgerCopy(source, target, source_url)
        copy.check()
        if earlier := find_sealed(source):
            say(f"an earlier move was cut short: {earlier} is brought back into use")
            unseal(source, entry.schema, earlier)
        copy.clean_up()
        try:
            copy.drop_target()
            migrate(source_url)
            migrate(target_url)
            copy.mark_target()
            copy.start()
            _copy_all(copy, source, target, say)
            asyncio.run(_follow(target_url, last_event(target)[0]))
            verified = _verify_both(source_url, target_url, say)
            sealed = sealed_name(source)
            with _pause(url, name) as began:
                try:
                    position = seal(source, sealed)
                    copy.wait_for_all(began + PAUSE_SECONDS_MAX - time.monotonic())
                    _require_equal(source, target, target_url, verified)
                    _switch(url, moved)
                except BaseException:
                    unseal(source, entry.schema, sealed)
                    raise
                paused = time.monotonic() - began
        finally:
            copy.clean_up()
        copy.mark_target(None)
    say(f"{name} is in use on the other server, after a pause of {paused:.2f} s; it is verified once more")
    result = verify(target_url, _meter(say, "verified on the other server"))
    bad = result.first_bad_position, result.reason
    return Move(name, result.ok, position, *bad, round(paused, 3), sealed)


def _entries(url: str, name: str, variable: str) -> tuple[LedgerEntry, LedgerEntry]:
    """Return the entry as it is and as it will be. Raises RegistryError."""
    with connect_sync(url, "seatledger move") as connection:
        entry = registry.find_entry(registry.read_sync(connection), name)
    if name == registry.MAIN:
        raise RegistryError("the ledger main is where DATABASE_URL says: it cannot be moved away from there")
    target = None if variable == DEPLOYMENT else variable
    if target and not os.environ.get(target):
        raise RegistryError(f"{target} is not set: it names the connection string of the server to move to")
    return entry, msgspec.structs.replace(entry, url_variable=target)


def _copy_all(copy: LedgerCopy, source: psycopg.Connection, target: psycopg.Connection, say: Say) -> None:
    """Wait until all tables are copied and the copy follows the log. Raises CopyFailed."""
    deadline, said, earlier = time.monotonic() + COPY_SECONDS_MAX, 0.0, last_event(source)[0]
    while True:
        # The log grows meanwhile: the copy follows it if it reaches an earlier head.
        (head, _), at, (copied, _) = last_event(source), copy.progress(), last_event(target)
        if at.tables == at.of and copied >= earlier:
            return
        earlier = head
        if at.errors > ERRORS_MAX or time.monotonic() > deadline:
            raise CopyFailed("the other server fails to copy the ledger; its log says why")
        if time.monotonic() - said > REPORT_SECONDS:
            said = time.monotonic()
            say(
                f"copied {at.tables} of {at.of} tables, {at.rows} rows of the next; {copied} of {head} events"
            )
        time.sleep(POLL_SECONDS)


async def _follow(target_url: str, upto: int) -> None:
    """Make the facts for analysts from the copied log, as it was at a position. Raises CopyFailed."""
    deadline = time.monotonic() + COPY_SECONDS_MAX
    with own_readers(target_url, "seatledger move") as readers:
        follower = Follower(target_url, readers)
        async with await connect(target_url, "seatledger move") as connection:
            while time.monotonic() < deadline:
                await follower.run()
                (head,) = await (await connection.execute(_HEAD)).fetchone() or (0,)
                if all(one.is_parked or head - one.events >= upto for one in await lags(connection)):
                    return
                await asyncio.sleep(POLL_SECONDS)
    raise CopyFailed("the facts for analysts were not made within a day")


def _verify_both(source_url: str, target_url: str, say: Say) -> int:
    """Verify the ledger and its copy, both in use meanwhile, and return the events checked of the copy."""
    _verify(source_url, "here", say)
    return _verify(target_url, "on the other server", say)


def _verify(url: str, where: str, say: Say) -> int:
    result = verify(url, _meter(say, f"verified {where}"))
    if not result.ok:
        raise CopyFailed(f"verify {where}: first bad position {result.first_bad_position}: {result.reason}")
    return result.checked


def _require_equal(
    source: psycopg.Connection, target: psycopg.Connection, target_url: str, verified: int
) -> None:
    """Require that both logs are equal, and that the events not verified yet hold. Raises CopyFailed."""
    here, there = last_event(source), last_event(target)
    if here != there:
        raise CopyFailed(f"the copy ends at position {there[0]} with another hash than the log at {here[0]}")
    result = verify_part(target_url, verified + 1, None) if there[0] > verified else None
    if result and not result.ok:
        raise CopyFailed(f"the copy at position {result.first_bad_position}: {result.reason}")


@contextmanager
def _pause(url: str, name: str) -> Iterator[float]:
    """Keep commands out of the ledger, and yield the time of a monotonic clock at which this began."""
    with connect_sync(url, "seatledger move") as connection:
        registry.pause(connection, name, PAUSE_SECONDS_MAX + 5)
    began = time.monotonic()
    try:
        yield began
    except BaseException:
        with connect_sync(url, "seatledger move") as connection:
            registry.pause(connection, name, 0)
        raise


def _switch(url: str, moved: LedgerEntry) -> None:
    with connect_sync(url, "seatledger move") as connection:
        registry.move(connection, moved.name, moved.url_variable)


def _meter(say: Say, what: str) -> Callable[[int, int], None]:
    """Return a function that says how far a verification is, at most once a second."""
    said = time.monotonic()

    def meter(done: int, of: int) -> None:
        nonlocal said
        if time.monotonic() - said > REPORT_SECONDS:
            said = time.monotonic()
            say(f"{what}: {100 * done // max(of, 1)} %")

    return meter


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
