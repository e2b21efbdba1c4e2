"""The swap of a rebuilt table: atomic, and no reader sees an older state afterwards."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from analytics.facts import Projection
from analytics.follower.batch import apply_next, limit_batch, lock_checkpoint
from analytics.follower.builds import publish_statements, table
from database.connection import Connection

BATCH_MAX = 50_000
PAUSE_SECONDS = 0.2
HELD_SECONDS_MAX = 3.0
"""Limit on one attempt, which stops the follower of the live table."""

WAIT_SECONDS_MAX = 600.0
"""Limit on waiting for queries and transactions that began before the new table was complete."""

CatchUp = Callable[[], Awaitable[int]]
"""Brings the new table up to the head of the log and returns the position."""

OnWait = Callable[[int, str], None]
"""Receives the position of the finished table and the reason why the swap waits."""


class RebuildStopped(Exception):
    """The rebuild stopped. Its progress is kept; the next rebuild continues from there."""


async def swap_when_free(
    connection: Connection,
    holder: Connection,
    target: tuple[Projection, int],
    catch_up: CatchUp,
    wait: OnWait,
) -> int:
    """Swap the new build in and return its position. `holder` is a second connection.

    Each attempt stops the live table's follower, brings the new table up to it or further, and waits for
    older snapshots to end: a repeatable read transaction would otherwise see half of the new table, or an
    older state than before.
    Raises RebuildStopped after WAIT_SECONDS_MAX.
    """
    projection, build = target
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        position = await catch_up()
        async with holder.transaction():
            await limit_batch(holder)
            await holder.execute(_LOCK_LIVE, (projection.name,))
            position = await catch_up()
            why = await _wait_for_older(connection)
            if why is None:
                try:
                    return await swap(holder, projection, build)
                except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                    # Waiting for the lock would block all later readers behind a long query.
                    why = "queries that read the old table"
        if time.monotonic() > deadline:
            raise RebuildStopped(f"{projection.name} is complete, but the swap waited too long for {why}")
        wait(position, why)
        await asyncio.sleep(PAUSE_SECONDS)


async def _wait_for_older(connection: Connection) -> str | None:
    """Wait until no other session has an older snapshot. Return the reason if some remain after the limit."""
    (mark,) = await _row(connection, "select pg_catalog.clock_timestamp()")
    deadline = time.monotonic() + HELD_SECONDS_MAX
    while True:
        (older,) = await _row(connection, _OLDER, (mark,))
        if not older:
            return None
        if time.monotonic() > deadline:
            return f"{older} transactions that began before it was complete"
        await asyncio.sleep(PAUSE_SECONDS / 10)


async def swap(connection: Connection, projection: Projection, build: int) -> int:
    """Point the readers' view at the new table, at the head of the log. Return the position.

    One transaction: a query sees the old table or the new one. Raises LockNotAvailable if a query is reading.
    """
    async with connection.transaction():
        await limit_batch(connection)
        await connection.execute("set local lock_timeout = '100ms'")
        # Lock the rows first, which stops followers, and the view last, which stops readers.
        await connection.execute(LOCK_ALL, (projection.name,))
        at = await lock_checkpoint(connection, projection, build)
        if at is None:
            raise RebuildStopped(f"{projection.name}: another rebuild has swapped in another table")
        at = await apply_next(connection, projection, at, BATCH_MAX)
        for statement in publish_statements(projection, build):
            await connection.execute(statement)
        cursor = await connection.execute(_OLD, (projection.name, build))
        for (old,) in await cursor.fetchall():
            await drop(connection, projection, old)
        await connection.execute(_SET_LIVE, (projection.name, build))
        return at.position


async def drop(connection: Connection, projection: Projection, build: int) -> None:
    await connection.execute(sql.SQL("drop table {}").format(table(projection, build)))
    await connection.execute(_DELETE, (projection.name, build))


async def _row(connection: Connection, statement: LiteralString, parameters: Any = None) -> tuple[Any, ...]:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row


LOCK_ALL: LiteralString = """
    select from facts_builds where projection = %s order by build for update
"""
_OLD: LiteralString = "select build from facts_builds where projection = %s and build <> %s"
_DELETE: LiteralString = "delete from facts_builds where projection = %s and build = %s"
_SET_LIVE: LiteralString = "update facts_builds set live = true where projection = %s and build = %s"
_LOCK_LIVE: LiteralString = """
    select from facts_builds where projection = %s and live for update
"""
# A role that may not see other sessions waits only for its own. Sessions of rebuilds, this one and concurrent
# ones, read no view; if rebuilds waited for each other, none would end.
_OLDER: LiteralString = """
    select count(*) from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'
        and (usename, application_name) is distinct from (current_user, current_setting('application_name'))
        and backend_xmin is not null and xact_start < %s
"""
