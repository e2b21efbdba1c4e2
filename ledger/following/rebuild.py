"""Rebuild: a projection made anew beside the one that readers see, and put in its place in an instant."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import AsyncConnection, sql

from ledger.connection import Connection, conninfo, severed_after
from ledger.following.batch import SEVERED_SECONDS, advance_or_park, checkpoint, limit_batch, take_up
from ledger.following.builds import ADD, index, key, make, show, table
from projections.analytics import Projection

BATCH_MAX = 50_000
SWAPS_MAX = 600
SWAP_PAUSE_SECONDS = 0.2
OLD_SECONDS_MAX = 600.0
"""How long the swap waits for transactions that began before the new table was complete."""


class RebuildStopped(Exception):
    """The rebuild cannot go on now; what is done is kept, and the next one goes on from there."""


class Progress(NamedTuple):
    """`done` of `of` events; `waits_for` what the finished table waits for, None while it is being filled."""

    projection: str
    done: int
    of: int
    waits_for: str | None = None


class Rebuilt(NamedTuple):
    """What a rebuild came to; `events` are those that this run took up, in `seconds`, indexes and all."""

    projection: str
    version: int
    position: int
    events: int
    seconds: float

    @property
    def events_per_second(self) -> int:
        return round(self.events / max(self.seconds, 0.001))


async def rebuild(url: str, projection: Projection, progress: Callable[[Progress], None]) -> Rebuilt:
    """Fill a table beside, going on where a run before was cut short, then show it to readers.

    It runs as the owner of the tables, and calls nothing but PostgreSQL: projections have no side effects to
    switch off. Raises RebuildStopped, and psycopg.Error when the database does not answer.
    """
    async with await _connect(url) as connection:
        build, first = await _begin(connection, projection)
        started = time.monotonic()
        position = await _fill(connection, projection, build, progress)
        for statement in index(projection, build):
            await connection.execute(statement)
        seconds = time.monotonic() - started
        await connection.execute(sql.SQL("analyze {}").format(table(projection, build)))
        await _outlast(connection, projection, build, progress)
        position = await _swap_when_free(connection, projection, build, progress)
        return Rebuilt(projection.name, projection.version, position, position - first, seconds)


async def _connect(url: str) -> Connection:
    connection: Connection = await AsyncConnection.connect(
        conninfo(url, "seatledger rebuild"), autocommit=True, prepare_threshold=0
    )
    await connection.execute("set timezone to 'UTC'")
    return connection


async def _begin(connection: Connection, projection: Projection) -> tuple[int, int]:
    """The build to fill and how far it is: one of this version that was cut short, or a new one."""
    async with connection.transaction():
        # The live row's lock keeps out other rebuilds that begin, and for a moment the follower.
        await connection.execute(_LOCK_ALL, (projection.name,))
        cursor = await connection.execute(_BEGUN, (projection.name,))
        last = 1
        for build, version, position, live in await cursor.fetchall():
            last = max(last, build)
            if live:
                continue
            if version == projection.version:
                return build, position
            await _drop(connection, projection, build)
        for statement in make(projection, last + 1):
            await connection.execute(statement)
        values = {**key(projection, last + 1), "version": projection.version, "live": False}
        await connection.execute(ADD, values)
        return last + 1, 0


async def _fill(
    connection: Connection, projection: Projection, build: int, progress: Callable[[Progress], None]
) -> int:
    while True:
        with severed_after(connection, SEVERED_SECONDS):
            at = await advance_or_park(connection, projection, build, BATCH_MAX, retry=True)
        if at is None:
            raise RebuildStopped(f"{projection.name}: another rebuild has put another table in its place")
        if at.error:
            raise RebuildStopped(f"{projection.name} cannot take the event after {at.position}: {at.error}")
        progress(Progress(projection.name, at.position, at.head))
        if not at.is_behind:
            return at.position


async def _outlast(
    connection: Connection, projection: Projection, build: int, progress: Callable[[Progress], None]
) -> None:
    """Wait until nobody is left who looks at the database as it was before the table was complete.

    A transaction of isolation level repeatable read that began then would see half of it after the swap.
    """
    (mark,) = await _row(connection, "select pg_current_xact_id()::text::bigint % 4294967296")
    deadline = time.monotonic() + OLD_SECONDS_MAX
    while True:
        at = await _fill(connection, projection, build, lambda _: None)
        (old,) = await _row(connection, _OLDER, (str(mark),))
        if not old:
            return
        if time.monotonic() > deadline:
            raise RebuildStopped(
                f"{projection.name} is complete, but {old} transactions began before; end them"
            )
        progress(Progress(projection.name, at, at, f"{old} transactions that began before it was complete"))
        await asyncio.sleep(SWAP_PAUSE_SECONDS)


async def _swap_when_free(
    connection: Connection, projection: Projection, build: int, progress: Callable[[Progress], None]
) -> int:
    """Try again and again for a moment: who waits for a long query makes everybody else wait behind him."""
    for _ in range(SWAPS_MAX):
        try:
            position = await swap(connection, projection, build)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            position = None
        if position is not None:
            return position
        at = await _fill(connection, projection, build, lambda _: None)
        progress(Progress(projection.name, at, at, "queries that read the old table"))
        await asyncio.sleep(SWAP_PAUSE_SECONDS)
    raise RebuildStopped(f"{projection.name} is complete, but queries read the old table all the time")


async def swap(connection: Connection, projection: Projection, build: int) -> int | None:
    """Show readers the new table instead of the old one, at the head of the log; None when it is not there.

    One transaction: a query sees the one or the other. Raises LockNotAvailable when somebody reads just now.
    """
    async with connection.transaction():
        await limit_batch(connection)
        await connection.execute("set local lock_timeout = '100ms'")
        # First the rows, which keep the followers out, then the view, which holds up readers.
        await connection.execute(_LOCK_ALL, (projection.name,))
        at = await checkpoint(connection, projection, build)
        if at is None:
            raise RebuildStopped(f"{projection.name}: another rebuild has put another table in its place")
        at = await take_up(connection, projection, at, BATCH_MAX)
        if at.is_behind:
            return None
        for statement in show(projection, build):
            await connection.execute(statement)
        cursor = await connection.execute(_OLD, (projection.name, build))
        for (old,) in await cursor.fetchall():
            await _drop(connection, projection, old)
        await connection.execute(_SHOW, (projection.name, build))
        return at.position


async def _drop(connection: Connection, projection: Projection, build: int) -> None:
    await connection.execute(sql.SQL("drop table {}").format(table(projection, build)))
    await connection.execute(_FORGET, (projection.name, build))


async def _row(connection: Connection, statement: LiteralString, parameters: Any = None) -> tuple[Any, ...]:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row


_LOCK_ALL: LiteralString = """
    select from analytics_store.builds where projection = %s order by build for update
"""
_BEGUN: LiteralString = """
    select build, version, position, live from analytics_store.builds where projection = %s order by build
"""
_OLD: LiteralString = "select build from analytics_store.builds where projection = %s and build <> %s"
_FORGET: LiteralString = "delete from analytics_store.builds where projection = %s and build = %s"
_SHOW: LiteralString = "update analytics_store.builds set live = true where projection = %s and build = %s"
# Whose role may not see other sessions waits for its own only.
_OLDER: LiteralString = """
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        and age(backend_xmin) > age(%s::xid)
"""
