"""Random command sequences, compared with a simple model of seats and bookings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from domain.booking import Booking
from domain.booking_state import Status
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking
from domain.commands.flights import ChangeFlightSeats
from domain.commands.payments import PayBooking
from domain.flight import Flight
from domain.money import Money
from tests.domain.conftest import BA117
from tests.domain.scenario import HOLD, Scenario

PRICE = BA117.price.amount


@dataclass
class Expected:
    """A booking in the model."""

    seats: int
    expires_at: datetime
    status: str = "held"

    def in_use(self, now: datetime) -> int:
        lives = self.status == "booked" or (self.status == "held" and now < self.expires_at)
        return self.seats if lives else 0


class Counter(RuleBasedStateMachine):
    """Hold, pay, cancel, expire and resize, with time passing in between."""

    bookings: Bundle[UUID] = Bundle("bookings")

    @initialize()
    def open(self) -> None:
        self.scenario = Scenario()
        self.flight_id: UUID = self.scenario.when(BA117).id
        self.seats = BA117.seats
        self.expected: dict[UUID, Expected] = {}

    @property
    def free(self) -> int:
        return self.seats - sum(booking.in_use(self.scenario.now) for booking in self.expected.values())

    @rule(target=bookings, seats=st.integers(1, 3))
    def hold(self, seats: int) -> Any:
        free = self.free
        verdict = self.scenario.when(InitiateBooking(self.flight_id, "alice", seats))
        assert isinstance(verdict, Booking) == (seats <= free), (verdict, free)
        if not isinstance(verdict, Booking):
            assert verdict.facts == {"flight_id": self.flight_id, "asked": seats, "free": free}
            return multiple()
        self.expected[verdict.id] = Expected(seats, self.scenario.now + HOLD)
        return verdict.id

    @rule(booking=bookings, wrong=st.booleans())
    def pay(self, booking: UUID, wrong: bool) -> None:
        expected = self.expected[booking]
        cost = Money(PRICE * expected.seats + wrong, "GBP")
        verdict = self.scenario.when(PayBooking(booking, "alice", cost))
        payable = expected.status == "held" and self.scenario.now < expected.expires_at
        assert isinstance(verdict, Booking) == (payable and not wrong), verdict
        if isinstance(verdict, Booking):
            expected.status = "booked"

    @rule(booking=bookings)
    def cancel(self, booking: UUID) -> None:
        verdict = self.scenario.when(CancelBooking(booking))
        # A due hold can still be cancelled before it is expired; its seats are freed either way.
        if isinstance(verdict, Booking):
            assert self.expected[booking].status != "cancelled"
        self.expected[booking].status = "cancelled"

    @rule(booking=bookings)
    def sweep(self, booking: UUID) -> None:
        expected = self.expected[booking]
        verdict = self.scenario.when(ExpireHold(booking))
        if isinstance(verdict, Booking):
            assert expected.status == "held"
            assert self.scenario.now >= expected.expires_at

    @rule(seats=st.integers(1, 6))
    def resize(self, seats: int) -> None:
        in_use = self.seats - self.free
        verdict = self.scenario.when(ChangeFlightSeats(self.flight_id, seats))
        assert isinstance(verdict, Flight) == (seats >= in_use), verdict
        if isinstance(verdict, Flight):
            self.seats = seats

    @rule(minutes=st.integers(0, 6))
    def wait(self, minutes: int) -> None:
        self.scenario.later(minutes=minutes)

    @invariant()
    def never_oversold(self) -> None:
        if not hasattr(self, "scenario"):
            return
        count = self.scenario.seats[self.flight_id]
        assert count.seats == count.held + count.booked + count.free
        assert min(count.held, count.booked, count.free) >= 0
        booked = [b for b in self.scenario.bookings.values() if b.status is Status.BOOKED]
        assert count.booked == sum(booking.seats for booking in booked)


TestCounter = Counter.TestCase
TestCounter.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
