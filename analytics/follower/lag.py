"""Lag: how far each projection is behind the log, for readiness and for measurements."""

from typing import LiteralString, NamedTuple

from analytics.facts import PROJECTIONS
from database.connection import Connection


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


_LAGS: LiteralString = """
    select projection, version, lag_events, lag_seconds, parked_position from analytics.checkpoints
    where projection = any (%s) order by projection
"""
