"""Lag of each projection behind the log, for readiness and metrics."""

from typing import LiteralString, NamedTuple

from analytics.facts import PROJECTIONS
from database.connection import Connection
from database.readiness import Check

LAG_SECONDS_MAX = 30
"""A projection further behind is unhealthy; the scheduler looks every second."""


MISSING = 0
"""Version of a projection without a checkpoint."""


class Lag(NamedTuple):
    """Lag of one projection. `seconds` is the age of the oldest event that is not applied yet."""

    projection: str
    version: int
    events: int
    seconds: float
    parked_position: int | None

    @property
    def is_parked(self) -> bool:
        return self.parked_position is not None

    @property
    def is_to_follow(self) -> bool:
        """True if a follower would apply events, or make the missing table."""
        is_current = self.version == PROJECTIONS[self.projection].version and not self.is_parked
        return self.version == MISSING or (is_current and self.events > 0)

    @property
    def summary(self) -> str:
        """One line for readiness. It leaves the error out, because an error may quote the log."""
        words = f"{self.events} events, {self.seconds:.0f} s behind"
        if self.version == MISSING:
            return f"MISSING (run `seatledger migrate`), {words}"
        if self.is_parked:
            return f"PARKED at {self.parked_position}, {words}"
        if self.version != PROJECTIONS[self.projection].version:
            return f"version {self.version} (run `seatledger rebuild {self.projection}`), {words}"
        return words


async def lags(connection: Connection) -> list[Lag]:
    """Return the lag of every projection. One without a checkpoint lags by the whole log."""
    cursor = await connection.execute(_LAGS, (list(PROJECTIONS),))
    return [Lag(*row) for row in await cursor.fetchall()]


async def check(connection: Connection) -> Check:
    """Check that every projection follows. Not vital: bookings do not depend on late reports."""
    summaries, ok = [], True
    for at in await lags(connection):
        is_current = not at.is_parked and at.version == PROJECTIONS[at.projection].version
        ok = ok and is_current and at.seconds <= LAG_SECONDS_MAX
        summaries.append(f"{at.projection} {at.summary}")
    return Check("analytics", ok, "; ".join(summaries), vital=False)


_LAGS: LiteralString = """
    select name, coalesce(version, 0), coalesce(lag_events, log.events), coalesce(lag_seconds, log.seconds),
        parked_position
    from unnest(%s::text[]) as name
    cross join lateral (
        select coalesce(max(position), 0) as events, coalesce((
            select extract(epoch from clock_timestamp() - recorded_at) from events
            order by position limit 1), 0)::float8 as seconds
        from events
    ) as log
    left join analytics_checkpoints on projection = name
    order by name
"""
