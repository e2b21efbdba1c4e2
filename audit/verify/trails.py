"""Trails along one stream in the second pass: seats in use, money received, places in a waiting list."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from audit.verify.booking_money import BookingMoney
from audit.verify.sandbox_clock import SandboxClock
from audit.verify.usage import Usage
from audit.verify.waiting_lists import WaitingLists
from domain.booking import Booking
from domain.flight import Flight
from domain.passengers import count_seats
from domain.sandbox_clock import ClockAdvance
from domain.seats import NONE_USED, SeatUse
from domain.waiting import WaitingParty


class Trail(Protocol):
    """Observer of one stream, created at its first event."""

    def follow(self, event: Any, position: int) -> None:
        """Take an event into account; the aggregate has just applied it."""
        ...

    def end(self, last: int) -> str | None:
        """Return what is wrong with the stream as a whole. `last` is the position of its last good event."""
        ...


class BookingTrail:
    """Trail of one booking. `usage_of` returns the usage of a flight."""

    def __init__(self, booking: Booking, usage_of: Callable[[UUID], Usage]) -> None:
        self._booking = booking
        self._usage_of = usage_of
        self._usage = usage_of(booking.flight_id)
        self._use = NONE_USED
        self._money = BookingMoney(booking)
        self._wrong_party: str | None = None

    def follow(self, event: Any, position: int) -> None:
        if isinstance(event, Booking.Moved):
            self._usage.follow(position, self._use, NONE_USED)
            self._usage.reach(position)
            self._usage, self._use = self._usage_of(event.flight_id), NONE_USED
        use = SeatUse.of(self._booking)
        if use != self._use:
            self._usage.follow(position, self._use, use)
            self._use = use
        self._money.follow(event)
        if isinstance(event, Booking.PassengersNamed) and not self._fits():
            self._wrong_party = f"{event.originator_id} has another number of passengers than seats"

    def end(self, last: int) -> str | None:
        self._usage.reach(last)
        unnamed = None if self._fits() else f"{self._booking.id} has another number of passengers than seats"
        return self._money.end() or self._wrong_party or unnamed

    def _fits(self) -> bool:
        """Return whether the passengers, if they are named, need the seats of the booking."""
        passengers = self._booking.passengers
        return not passengers or count_seats(passengers) == self._booking.seats


class FlightTrail:
    def __init__(self, flight: Flight, usage: Usage) -> None:
        self._flight = flight
        self._usage = usage
        self._wrong: str | None = None

    def follow(self, event: Any, position: int) -> None:
        if isinstance(event, Flight.Scheduled | Flight.Repriced) and not event.price.adds_up:
            self._wrong = f"the parts of the price of flight {event.originator_id} do not add up to it"
        self._usage.resize(position, self._flight.seats, self._flight.overbooking)
        self._usage.cancelled = self._flight.cancelled
        self._usage.departed = self._flight.departed_at is not None

    def end(self, last: int) -> str | None:
        self._usage.reach(last)
        return self._wrong


class ClockTrail:
    """The only event of a move of a sandbox's clock."""

    def __init__(self, advance: ClockAdvance, clock: SandboxClock) -> None:
        self._advance = advance
        self._clock = clock

    def follow(self, event: Any, position: int) -> None:
        self._clock.follow(self._advance, position)

    def end(self, last: int) -> str | None:
        advance = self._advance
        if advance.now - advance.created_on != timedelta(seconds=advance.seconds):
            return f"the clock went on from {advance.now}, which is not {advance.seconds} s later"
        return None


class PartyTrail:
    def __init__(self, party: WaitingParty, waiting_lists: WaitingLists) -> None:
        self._party = party
        self._waiting_lists = waiting_lists

    def follow(self, event: Any, position: int) -> None:
        self._waiting_lists.follow(self._party, position)

    def end(self, last: int) -> str | None:
        return None
