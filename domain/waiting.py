"""Waiting parties: requests for seats on a full flight, all seats or none."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.personal import PersonName
from domain.refusals.waiting import NotWaiting, WaitingNotOver

WAITING_MAX = 200
"""Maximum length of a waiting list; a block that frees seats reads the whole list."""


class WaitingStatus(Enum):
    """Recorded status of a party. The result of an offer is the status of its booking."""

    WAITING = "waiting"
    OFFERED = "offered"
    LEFT = "left"
    CLOSED = "closed"


class CloseReason(Enum):
    FLIGHT_CANCELLED = "flight_cancelled"
    FLIGHT_DEPARTED = "flight_departed"


class WaitingParty(Aggregate):
    """A user's request for seats of one flight, all or none, as soon as they are free."""

    TOPIC = "waiting"

    class Event(Aggregate.Event):
        TOPIC = "waiting.event"

    class Joined(Event, Aggregate.Created):
        TOPIC = "waiting.joined"
        flight_id: UUID
        user_id: PersonName
        seats: int

    class Offered(Event):
        """A hold is offered: a separate command in the same block creates the booking."""

        TOPIC = "waiting.offered"
        booking_id: UUID
        expires_at: datetime

        def apply(self, aggregate: WaitingParty) -> None:
            aggregate.status = WaitingStatus.OFFERED
            aggregate.booking_id = self.booking_id
            aggregate.offer_expires_at = self.expires_at

    class Left(Event):
        TOPIC = "waiting.left"

        def apply(self, aggregate: WaitingParty) -> None:
            aggregate.status = WaitingStatus.LEFT

    class Closed(Event):
        TOPIC = "waiting.closed"
        reason: CloseReason

        def apply(self, aggregate: WaitingParty) -> None:
            aggregate.status = WaitingStatus.CLOSED

    def __init__(self, flight_id: UUID, user_id: str, seats: int) -> None:
        self.flight_id = flight_id
        self.user_id = user_id
        self.seats = seats
        self.status = WaitingStatus.WAITING
        self.booking_id: UUID | None = None
        self.offer_expires_at: datetime | None = None
        self.place: int | None = None
        """Place on the list at the time of joining, from 1; not recorded in the log."""

    @classmethod
    def join(cls, *, id: UUID, flight_id: UUID, user_id: str, seats: int, now: datetime) -> WaitingParty:
        """Create a waiting party. The caller has checked that the flight has too few free seats."""
        return cls._create(
            cls.Joined, id=id, flight_id=flight_id, user_id=user_id, seats=seats, timestamp=now
        )

    @property
    def is_waiting(self) -> bool:
        return self.status is WaitingStatus.WAITING

    @property
    def order(self) -> tuple[datetime, UUID]:
        """Sort key of the waiting list."""
        return self.created_on, self.id

    def offer(self, booking_id: UUID, expires_at: datetime, now: datetime) -> None:
        """Offer a booking. The caller has checked the free seats and the party's turn. Raises NotWaiting."""
        self._require_waiting()
        self.trigger_event(self.Offered, booking_id=booking_id, expires_at=expires_at, timestamp=now)

    def leave(self, now: datetime) -> None:
        """Leave the waiting list. Raises NotWaiting."""
        self._require_waiting()
        self.trigger_event(self.Left, timestamp=now)

    def close(self, reason: CloseReason | None, now: datetime) -> None:
        """Close the party; `reason` is None while the flight can still take it. Raises WaitingNotOver."""
        if reason is None or not self.is_waiting:
            raise WaitingNotOver(waiting_id=self.id)
        self.trigger_event(self.Closed, reason=reason, timestamp=now)

    def _require_waiting(self) -> None:
        if not self.is_waiting:
            raise NotWaiting(f"The entry is {self.status.value}.", waiting_id=self.id, was=self.status)


def next_party_id(last: WaitingParty | None, fresh: UUID, now: datetime) -> UUID:
    """Return an id that sorts after the last party's. Ids created within a millisecond have no order."""
    if last is None or (now, fresh) > last.order:
        return fresh
    return UUID(int=last.id.int + 1)
