"""Rebuild: fill a new table from the log beside the live one, then swap them."""

import time
from collections.abc import Callable
from typing import LiteralString, NamedTuple

from psycopg import sql

from analytics.facts import Projection
from analytics.follower.batch import SEVERED_SECONDS, advance_or_park
from analytics.follower.builds import ADD, create_statements, grant_statement, index_statements, key, table
from analytics.follower.swap import LOCK_ALL, RebuildStopped, drop, swap_when_free
from database.connection import Connection, connect_as_owner, socket_deadline
from database.naming import role_of, schema_of

BATCH_MAX = 50_000


class Progress(NamedTuple):
    """Progress: `done` of `of` events. `waits_for` says what delays the swap; None while the table fills."""

    projection: str
    done: int
    of: int
    waits_for: str | None = None


class RebuildResult(NamedTuple):
    """Result of a rebuild. This run applied `events` in `seconds`, indexes included."""

    projection: str
    version: int
    position: int
    events: int
    seconds: float

    @property
    def events_per_second(self) -> int:
        return round(self.events / max(self.seconds, 0.001))


async def rebuild(url: str, projection: Projection, progress: Callable[[Progress], None]) -> RebuildResult:
    """Fill a new build, continuing an interrupted one of the same version, then swap it in.

    Runs as the owner of the tables. Projections have no side effects, so a rebuild fires none.
    Raises RebuildStopped, and psycopg.Error if the database does not answer.
    """
    async with (
        await connect_as_owner(url, "seatledger rebuild") as connection,
        await connect_as_owner(url, "seatledger rebuild") as holder,
    ):
        build, first = await _begin(connection, projection)
        writer = sql.Identifier(role_of(schema_of(url), "writer"))
        await connection.execute(grant_statement(projection, build, writer))
        started = time.monotonic()
        position = await _fill(connection, projection, build, progress)
        for statement in index_statements(projection, build):
            await connection.execute(statement)
        seconds = time.monotonic() - started
        await connection.execute(sql.SQL("analyze {}").format(table(projection, build)))

        async def catch_up() -> int:
            return await _fill(connection, projection, build, lambda _: None)

        def wait(at: int, reason: str) -> None:
            progress(Progress(projection.name, at, at, reason))

        position = await swap_when_free(connection, holder, (projection, build), catch_up, wait)
        return RebuildResult(projection.name, projection.version, position, position - first, seconds)


async def _begin(connection: Connection, projection: Projection) -> tuple[int, int]:
    """Return the build to fill and its position: an interrupted one of this version, or a new one."""
    async with connection.transaction():
        # The lock on the live row excludes other rebuilds that begin, and briefly the follower.
        await connection.execute(LOCK_ALL, (projection.name,))
        cursor = await connection.execute(_BUILDS, (projection.name,))
        last = 1
        for build, version, position, live in await cursor.fetchall():
            last = max(last, build)
            if live:
                continue
            if version == projection.version:
                return build, position
            await drop(connection, projection, build)
        for statement in create_statements(projection, last + 1):
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
            raise RebuildStopped(f"{projection.name}: another rebuild has swapped in another table")
        if at.error:
            raise RebuildStopped(f"{projection.name} cannot apply the event after {at.position}: {at.error}")
        progress(Progress(projection.name, at.position, at.head))
        if not at.is_behind:
            return at.position


_BUILDS: LiteralString = """
    select build, version, position, live from facts_builds where projection = %s order by build
"""
