"""Itineraries in the second pass: all bookings are made together, and all are paid or none is."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from audit.verify.divergence import ReportDivergence
from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.commands.itineraries import ITINERARY_BOOKINGS_MAX


class _Terms(NamedTuple):
    """What the bookings of one itinerary have in common. `command` numbers the command that made them."""

    command: int
    user_id: str
    expires_at: datetime
    currency: str


class _Step(NamedTuple):
    """A booking right after an event. `command` is the same number for all events of one command."""

    position: int
    command: int
    booking_id: UUID
    status: Status
    payment_id: UUID | None
    has_expired: bool
    is_seated_again: bool


class Itineraries:
    """Bookings of all itineraries, collected from streams in any order. Memory grows with their events."""

    def __init__(self) -> None:
        self._made: dict[UUID, list[tuple[int, _Terms]]] = {}
        self._steps: dict[UUID, list[_Step]] = {}

    def follow(self, event: Any, booking: Booking, itinerary_id: UUID, position: int, ordinal: int) -> None:
        """Record a booking of an itinerary right after its event at that position."""
        command = position - ordinal  # the events of a command are adjacent
        if booking.version == 1:
            terms = _Terms(command, booking.user_id, booking.expires_at, booking.total_cost.currency)
            self._made.setdefault(itinerary_id, []).append((position, terms))
        elif isinstance(event, Booking.SplitOff):
            self._made[itinerary_id].pop()  # It is a part of one of them.
        payment_id = booking.payment.id if booking.payment else None
        expired = booking.cancel_reason is CancelReason.HOLD_EXPIRED
        again = isinstance(event, Booking.Reseated)
        step = _Step(position, command, booking.id, booking.status, payment_id, expired, again)
        self._steps.setdefault(itinerary_id, []).append(step)

    def join(self, other: "Itineraries") -> None:
        """Add the bookings of other streams."""
        for id, made in other._made.items():
            self._made.setdefault(id, []).extend(made)
        for id, steps in other._steps.items():
            self._steps.setdefault(id, []).extend(steps)

    def check(self, report: ReportDivergence) -> None:
        for id, made in self._made.items():
            _check_made(id, sorted(made), report)
        for id, steps in self._steps.items():
            for position, reason in _wrong_states(sorted(steps)):
                report(position, f"{reason} itinerary {id}")


def _check_made(id: UUID, made: list[tuple[int, _Terms]], report: ReportDivergence) -> None:
    _, first = made[0]
    for position, terms in made[1:]:
        if terms != first:
            report(position, f"the booking has another command, user, expiry or currency than itinerary {id}")
    if len(made) > ITINERARY_BOOKINGS_MAX:
        report(made[ITINERARY_BOOKINGS_MAX][0], f"{len(made)} bookings belong to itinerary {id}")


def _wrong_states(steps: Iterable[_Step]) -> Iterator[tuple[int, str]]:
    """Yield each command after which only some bookings are paid, or are paid by different payments."""
    bookings: dict[UUID, _Step] = {}
    for _, command in groupby(steps, key=attrgetter("command")):
        seated_again = set()
        for step in command:
            bookings[step.booking_id] = step
            seated_again |= {step.payment_id} if step.is_seated_again else set()
        live = [one for one in bookings.values() if one.status is not Status.CANCELLED]
        paid = {one.payment_id for one in live if one.status is not Status.INITIATED}
        if len({one.status for one in live}) > 1 or len(paid) > 1:
            yield step.position, "the command pays for some of the bookings only:"
        elif any(one.has_expired and one.payment_id in seated_again for one in bookings.values()):
            yield step.position, "the command seats some of the late bookings again only:"
