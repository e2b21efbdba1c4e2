"""Lag: how far each projection is behind the log, for readiness and for measurements."""

from typing import LiteralString, NamedTuple

from analytics.facts import PROJECTIONS
from database.connection import Connection
from database.readiness import Check

LAG_SECONDS_MAX = 30
"""A projection further behind is unhealthy; the scheduler looks every second."""


class Lag(NamedTuple):
    """`seconds` is how long the oldest event that is not taken up has waited."""

    projection: str
    version: int
    events: int
    seconds: float
    parked_position: int | None

    @property
    def is_parked(self) -> bool:
        return self.parked_position is not None

    @property
    def in_words(self) -> str:
        """For everybody who may ask for readiness: no error, because one may quote what stands in the log."""
        words = f"{self.events} events, {self.seconds:.0f} s behind"
        if self.is_parked:
            return f"PARKED at {self.parked_position}, {words}"
        if self.version != PROJECTIONS[self.projection].version:
            return f"version {self.version} (run `seatledger rebuild {self.projection}`), {words}"
        return words


async def lags(connection: Connection) -> list[Lag]:
    """Of every projection, as readers see it."""
    cursor = await connection.execute(_LAGS, (list(PROJECTIONS),))
    return [Lag(*row) for row in await cursor.fetchall()]


async def check(connection: Connection) -> Check:
    """Not ok when a projection stands still, but nobody's booking depends on it: taking the API out of
    service for a report that is late would turn it into an outage.
    """
    told, ok = [], True
    for at in await lags(connection):
        well = not at.is_parked and at.version == PROJECTIONS[at.projection].version
        ok = ok and well and at.seconds <= LAG_SECONDS_MAX
        told.append(f"{at.projection} {at.in_words}")
    return Check("analytics", ok, "; ".join(told), vital=False)


_LAGS: LiteralString = """
    select projection, version, lag_events, lag_seconds, parked_position from analytics.checkpoints
    where projection = any (%s) order by projection
"""
