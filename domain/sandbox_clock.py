"""The test clock of a sandbox: each advance is an aggregate of one event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.refusals.sandbox import ClockTooFar

LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The clock of a sandbox is not moved past this time, so that the times computed from it can be written."""


class ClockAdvance(Aggregate):
    """One move of the clock. The clock itself is in the database, which adds the moves up."""

    TOPIC = "sandbox"

    class Event(Aggregate.Event):
        TOPIC = "sandbox.event"

    class Advanced(Event, Aggregate.Created):
        """The clock goes on from `now`, which is `seconds` after the time of the event."""

        TOPIC = "sandbox.clock_advanced"
        seconds: int
        now: datetime

    def __init__(self, seconds: int, now: datetime) -> None:
        self.seconds = seconds
        self.now = now

    @classmethod
    def advance(cls, *, id: UUID, seconds: int, now: datetime) -> ClockAdvance:
        """Move the clock forward. Raises ClockTooFar."""
        then = now + timedelta(seconds=seconds)
        if then > LATEST:
            raise ClockTooFar(latest=LATEST)
        return cls._create(cls.Advanced, id=id, seconds=seconds, now=then, timestamp=now)
