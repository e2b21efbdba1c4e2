"""Rebuild: a projection made anew beside the one that readers see, and put in its place in an instant."""

import time
from collections.abc import Callable
from typing import LiteralString, NamedTuple

from psycopg import AsyncConnection, sql

from analytics.facts import Projection
from analytics.follower.batch import SEVERED_SECONDS, advance_or_park
from analytics.follower.builds import ADD, index, key, make, table
from analytics.follower.swap import LOCK_ALL, RebuildStopped, drop, swap_when_free
from database.connection import Connection, conninfo, socket_deadline

BATCH_MAX = 50_000


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
    async with await _connect(url) as connection, await _connect(url) as holder:
        build, first = await _begin(connection, projection)
        started = time.monotonic()
        position = await _fill(connection, projection, build, progress)
        for statement in index(projection, build):
            await connection.execute(statement)
        seconds = time.monotonic() - started
        await connection.execute(sql.SQL("analyze {}").format(table(projection, build)))

        async def catch_up() -> int:
            return await _fill(connection, projection, build, lambda _: None)

        def wait(at: int, reason: str) -> None:
            progress(Progress(projection.name, at, at, reason))

        position = await swap_when_free(connection, holder, (projection, build), catch_up, wait)
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
        await connection.execute(LOCK_ALL, (projection.name,))
        cursor = await connection.execute(_BEGUN, (projection.name,))
        last = 1
        for build, version, position, live in await cursor.fetchall():
            last = max(last, build)
            if live:
                continue
            if version == projection.version:
                return build, position
            await drop(connection, projection, build)
        for statement in make(projection, last + 1):
            await connection.execute(statement)
        values = {**key(projection, last + 1), "version": projection.version, "live": False}
        await connection.execute(ADD, values)
        return last + 1, 0


async def _fill(
    connection: Connection, projection: Projection, build: int, progress: Callable[[Progress], None]
) -> int:
    while True:
        with socket_deadline(connection, SEVERED_SECONDS):
            at = await advance_or_park(connection, projection, build, BATCH_MAX, retry=True)
        if at is None:
            raise RebuildStopped(f"{projection.name}: another rebuild has put another table in its place")
        if at.error:
            raise RebuildStopped(f"{projection.name} cannot take the event after {at.position}: {at.error}")
        progress(Progress(projection.name, at.position, at.head))
        if not at.is_behind:
            return at.position


_BEGUN: LiteralString = """
    select build, version, position, live from analytics_store.builds where projection = %s order by build
"""
