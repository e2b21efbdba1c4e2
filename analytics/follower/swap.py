"""The swap: readers see the new table instead of the old one, all at once, and nobody goes back in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from analytics.facts import Projection
from analytics.follower.batch import checkpoint, limit_batch, take_up
from analytics.follower.builds import show, table
from database.connection import Connection

BATCH_MAX = 50_000
PAUSE_SECONDS = 0.2
HELD_SECONDS_MAX = 3.0
"""How long an attempt holds the live table still; then the follower has its turn."""

WAIT_SECONDS_MAX = 600.0
"""How long the swap waits for queries and transactions that began before the new table was complete."""

CatchUp = Callable[[], Awaitable[int]]
"""Brings the new table up to the head of the log, and gives the position."""

Wait = Callable[[int, str], None]
"""Told what the finished table waits for, and its position."""


class RebuildStopped(Exception):
    """The rebuild cannot go on now; what is done is kept, and the next one goes on from there."""


async def swap_when_free(
    connection: Connection,
    holder: Connection,
    target: tuple[Projection, int],
    catch_up: CatchUp,
    wait: Wait,
) -> int:
    """The position at the swap, which takes a second connection, `holder`.

    Each attempt holds the live table still, brings the new one up to it or further, and outwaits whoever
    looks at the database as it was before: a transaction of isolation level repeatable read would otherwise
    see half of the new table, or an older state than a moment ago.
    Raises RebuildStopped after WAIT_SECONDS_MAX.
    """
    projection, build = target
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        position = await catch_up()
        async with holder.transaction():
            await limit_batch(holder)
            (held_by,) = await _row(holder, _HOLD_LIVE, (projection.name,))
            position = await catch_up()
            why = await _outlast(connection, held_by)
            if why is None:
                try:
                    return await swap(holder, projection, build)
                except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                    # Who waits for a long query makes everybody else wait behind him.
                    why = "queries that read the old table"
        if time.monotonic() > deadline:
            raise RebuildStopped(f"{projection.name} is complete, but waits for {why}")
        wait(position, why)
        await asyncio.sleep(PAUSE_SECONDS)


async def _outlast(connection: Connection, held_by: int) -> str | None:
    """Wait a little until nobody else has a snapshot from before now; what there is, if not."""
    (mark,) = await _row(connection, "select clock_timestamp()")
    deadline = time.monotonic() + HELD_SECONDS_MAX
    while True:
        (older,) = await _row(connection, _OLDER, (held_by, mark))
        if not older:
            return None
        if time.monotonic() > deadline:
            return f"{older} transactions that began before it was complete"
        await asyncio.sleep(PAUSE_SECONDS / 10)


async def swap(connection: Connection, projection: Projection, build: int) -> int:
    """Show readers the new table instead of the old one, at the head of the log; gives the position.

    One transaction: a query sees the one or the other. Raises LockNotAvailable when somebody reads just now.
    """
    async with connection.transaction():
        await limit_batch(connection)
        await connection.execute("set local lock_timeout = '100ms'")
        # First the rows, which keep the followers out, then the view, which holds up readers.
        await connection.execute(LOCK_ALL, (projection.name,))
        at = await checkpoint(connection, projection, build)
        if at is None:
            raise RebuildStopped(f"{projection.name}: another rebuild has put another table in its place")
        at = await take_up(connection, projection, at, BATCH_MAX)
        for statement in show(projection, build):
            await connection.execute(statement)
        cursor = await connection.execute(_OLD, (projection.name, build))
        for (old,) in await cursor.fetchall():
            await drop(connection, projection, old)
        await connection.execute(_SHOW, (projection.name, build))
        return at.position


async def drop(connection: Connection, projection: Projection, build: int) -> None:
    await connection.execute(sql.SQL("drop table {}").format(table(projection, build)))
    await connection.execute(_FORGET, (projection.name, build))


async def _row(connection: Connection, statement: LiteralString, parameters: Any = None) -> tuple[Any, ...]:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row


LOCK_ALL: LiteralString = """
    select from analytics_store.builds where projection = %s order by build for update
"""
_OLD: LiteralString = "select build from analytics_store.builds where projection = %s and build <> %s"
_FORGET: LiteralString = "delete from analytics_store.builds where projection = %s and build = %s"
_SHOW: LiteralString = "update analytics_store.builds set live = true where projection = %s and build = %s"
_HOLD_LIVE: LiteralString = """
    select pg_backend_pid() from analytics_store.builds where projection = %s and live for update
"""
# Whose role may not see other sessions waits for its own only.
_OLDER: LiteralString = """
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        and pid <> %s and backend_xmin is not null and xact_start < %s
"""
