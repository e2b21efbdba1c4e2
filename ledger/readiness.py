"""Readiness check `writer`: whether commands can be decided."""

from typing import LiteralString

import psycopg

from database.connection import Connection
from database.readiness import Check
from ledger.progress import Progress
from ledger.statements import HEAD_LOCK

PAUSE_SECONDS = 1.0
"""The head lock is not tried for this long after it was taken by a block or tried."""


async def writer_check(connection: Connection, progress: Progress, deadline_seconds: float) -> Check:
    """Check that blocks are decided. Without recent blocks, take the head lock for a moment.

    Fails while no block has been decided for the commands' deadline although the writer tried, and while the
    lock is not to be had for half of it.
    """
    ago, waited = progress.decided_seconds_ago, progress.waited_seconds
    facts = ["no block yet" if ago is None else f"last block {ago:.1f} s ago"]
    if waited is not None:
        facts.append(f"the current one has waited {waited:.1f} s")
    if progress.failures:
        facts.append(f"{progress.failures} attempts failed since ({progress.error})")
    await progress.try_lock(lambda: _find_obstacle(connection, deadline_seconds / 2), PAUSE_SECONDS)
    if progress.obstacle:
        facts.append(f"the head lock could not be taken ({progress.obstacle})")
    failing = progress.failing_seconds(deadline_seconds)
    if failing > deadline_seconds:
        facts.append(f"no command was decided for {failing:.1f} s")
    return Check("writer", not progress.obstacle and failing <= deadline_seconds, ", ".join(facts))


async def _find_obstacle(connection: Connection, seconds: float) -> str | None:
    """Take and release the head lock. Return the type of the error, or None.

    One message to the server does both, so a frozen process cannot keep the lock.
    """
    try:
        cursor = await connection.execute(
            _TRY.format(milliseconds=int(seconds * 1000)).encode(), prepare=False
        )
    except psycopg.Error as error:
        if connection.broken:
            raise
        return type(error).__name__
    while cursor.nextset():
        pass
    return None if await cursor.fetchone() else "table head has no row"


# Nothing is written but the lock, so the commit need not wait for the disk.
_TRY: LiteralString = f"""
    set local lock_timeout = '{{milliseconds}}ms'; set local synchronous_commit = off; {HEAD_LOCK}
"""
