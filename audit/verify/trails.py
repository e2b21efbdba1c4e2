"""Trails along one stream in the second pass: seats in use, money received, places in a waiting list."""

from typing import Any, Protocol

from audit.verify.usage import Usage
from audit.verify.waiting_lists import WaitingLists
from domain.booking import Booking
from domain.booking_record import Status
from domain.flight import Flight
from domain.refunds import RefundReason
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
    def __init__(self, booking: Booking, usage: Usage) -> None:
        self._booking = booking
        self._usage = usage
        self._use = NONE_USED
        self._paid = 0
        self._wrong_amount: str | None = None
        self._kept = 0
        """What a cancellation kept, because an operator stated a smaller refund."""

    def follow(self, event: Any, position: int) -> None:
        if isinstance(event, Booking.Cancelled) and event.refund is not None and self._use.booked:
            self._kept += self._booking.total_cost.amount - event.refund.amount
        use = SeatUse.of(self._booking)
        if use != self._use:
            self._usage.follow(position, self._use, use)
            self._use = use
        if isinstance(event, Booking.PaymentPending | Booking.PaymentRequested):
            if event.amount != self._booking.total_cost:
                self._wrong_amount = (
                    f"a payment of {event.amount.amount} is not what {event.originator_id} costs"
                )
        elif isinstance(event, Booking.Booked):
            self._paid += self._booking.total_cost.amount
        elif isinstance(event, Booking.RefundDue) and event.reason is RefundReason.LATE_PAYMENT:
            self._paid += event.amount.amount

    def end(self, last: int) -> str | None:
        """Check that the money received equals the price now plus all refunds, in minor units.

        Each payment, which is the share of the booking in that of its itinerary, is what the booking costs.
        """
        self._usage.reach(last)
        booking = self._booking
        price = self._kept + (booking.total_cost.amount if booking.status is Status.BOOKED else 0)
        owed = sum(
            refund.amount.amount
            for refund in booking.refunds.values()
            if refund.reason is not RefundReason.COMPENSATION
        )
        if self._paid == price + owed:
            return self._wrong_amount
        return f"{self._paid} was paid for {booking.id}, {price} is kept and {owed} owed back"


class FlightTrail:
    def __init__(self, flight: Flight, usage: Usage) -> None:
        self._flight = flight
        self._usage = usage

    def follow(self, event: Any, position: int) -> None:
        self._usage.resize(position, self._flight.seats, self._flight.overbooking)
        self._usage.cancelled = self._flight.cancelled
        self._usage.departed = self._flight.departed_at is not None

    def end(self, last: int) -> str | None:
        self._usage.reach(last)
        return None


class PartyTrail:
    def __init__(self, party: WaitingParty, waiting_lists: WaitingLists) -> None:
        self._party = party
        self._waiting_lists = waiting_lists

    def follow(self, event: Any, position: int) -> None:
        self._waiting_lists.follow(self._party, position)

    def end(self, last: int) -> str | None:
        return None
