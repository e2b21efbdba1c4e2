"""Splits in the second pass: what left a booking is what the new one got."""

from typing import Any, NamedTuple
from uuid import UUID

from audit.verify.divergence import ReportDivergence
from domain.booking import Booking


class _Part(NamedTuple):
    """Seats and money that moved between two bookings of one user on one flight, in one command."""

    command: int
    split_from: UUID
    flight_id: UUID
    user_id: str
    itinerary_id: UUID | None
    seats: int
    amount: int
    currency: str


class Splits:
    """Splits of all bookings, collected from streams in any order. Memory grows with the splits."""

    def __init__(self) -> None:
        self._left: dict[UUID, tuple[int, _Part]] = {}
        self._made: dict[UUID, tuple[int, _Part]] = {}

    def follow(self, event: Any, booking: Booking, position: int, ordinal: int) -> None:
        """Record a split from either side, right after its event at that position."""
        command = position - ordinal  # the events of a command are adjacent
        shared = booking.flight_id, booking.user_id, booking.itinerary_id
        if isinstance(event, Booking.Split):
            cost = event.moved_cost
            part = _Part(command, booking.id, *shared, event.moved_seats, cost.amount, cost.currency)
            self._left[event.into] = position, part
        else:
            cost = booking.total_cost
            part = _Part(command, event.split_from, *shared, booking.seats, cost.amount, cost.currency)
            self._made[booking.id] = position, part

    def join(self, other: "Splits") -> None:
        """Add the splits of other streams."""
        self._left |= other._left
        self._made |= other._made

    def check(self, report: ReportDivergence) -> None:
        for id, (position, part) in self._left.items():
            if self._made.get(id, (0, None))[1] != part:
                report(position, f"{id} is not what was split from {part.split_from}")
        for id, (position, part) in self._made.items():
            if id not in self._left:
                report(position, f"{part.split_from} was never split into {id}")
