"""Poison events: a projection parks before an event that it cannot apply, and raises an alarm."""

from typing import LiteralString

import psycopg
from loguru import logger

from analytics.facts import Projection
from analytics.follower.builds import key
from database.connection import Connection

POISON = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.errors.ProgramLimitExceeded,
)
"""Errors that the same event causes again, unlike lost connections, locks and timeouts."""


class Unreadable(Exception):
    """The event cannot be applied, or the log is not the one that the checkpoint was taken of."""

    def __init__(self, build: int, position: int, reason: str) -> None:
        super().__init__(reason)
        self.build = build
        self.position = position


async def park(connection: Connection, projection: Projection, error: Unreadable) -> None:
    """Park the build before an event, and log an error."""
    cursor = await connection.execute("select pg_catalog.clock_timestamp()")
    (now,) = await cursor.fetchone() or (None,)
    found = {"position": error.position, "error": str(error), "now": now}
    values = {**key(projection, error.build), **found}
    cursor = await connection.execute(_PARK, values)
    # No row changes if another follower has passed the event meanwhile.
    if cursor.rowcount:
        alarm = logger.bind(projection=projection.name, position=error.position, error=str(error))
        alarm.error("projection.parked")


_PARK: LiteralString = """
    update facts_builds set parked_at = coalesce(parked_at, %(now)s),
        parked_position = %(position)s, error = %(error)s
    where projection = %(projection)s and build = %(build)s and position in (%(position)s, %(position)s - 1)
"""
