"""The money of one booking along its stream: what was paid, what is kept, and what each refund has to be."""

from typing import Any

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.money import Money
from domain.refunds import RefundReason

_PAYMENTS = Booking.PaymentPending | Booking.PaymentRequested


class BookingMoney:
    def __init__(self, booking: Booking) -> None:
        self._booking = booking
        self._cost = booking.total_cost
        self._is_booked = False
        self._paid = 0
        self._kept = 0
        """What cancellations kept, by a policy or because an operator stated a smaller refund."""
        self._due: Money | None = None
        """The refund that the next event of a refund has to record."""
        self._wrong: str | None = None

    def follow(self, event: Any) -> None:
        """Take an event into account; the booking has just applied it."""
        cost, was_booked = self._cost, self._is_booked
        self._cost, self._is_booked = self._booking.total_cost, self._booking.status is Status.BOOKED
        if isinstance(event, Booking.Initiated | Booking.SeatsReduced):
            self._require_sum(event.total_cost)
        if isinstance(event, Booking.Cancelled) and was_booked:
            self._give_back(cost, self._refund_of_cancellation(event, cost))
        elif isinstance(event, Booking.SeatsReduced) and was_booked:
            given = cost.less(self._cost)
            self._give_back(given, self._booking.refund_of(given, event.timestamp))
        elif isinstance(event, _PAYMENTS):
            if event.amount != cost.whole:
                self._report(f"a payment of {event.amount.amount} is not what {event.originator_id} costs")
        elif isinstance(event, Booking.Split):
            self._require_sum(event.total_cost)
            self._require_sum(event.moved_cost)
            self._paid -= event.moved_cost.amount if was_booked else 0
        elif isinstance(event, Booking.Booked | Booking.PaymentShared):
            self._paid += cost.amount
        elif isinstance(event, Booking.RefundDue) and event.reason is not RefundReason.COMPENSATION:
            self._follow_refund(event, cost)

    def end(self) -> str | None:
        """Check that the money received equals the price now plus all refunds and what was kept.

        Each payment, which is the share of the booking in that of its itinerary, is what the booking costs.
        """
        kept = self._kept + (self._cost.amount if self._is_booked else 0)
        owed = sum(
            refund.amount.amount
            for refund in self._booking.refunds.values()
            if refund.reason is not RefundReason.COMPENSATION
        )
        if self._paid == kept + owed:
            return self._wrong
        return f"{self._paid} was paid for {self._booking.id}, {kept} is kept and {owed} owed back"

    def _refund_of_cancellation(self, event: Any, cost: Money) -> Money:
        if event.refund is not None:
            return cost.share(event.refund.amount)
        if event.reason is CancelReason.REQUESTED:
            return self._booking.refund_of(cost, event.timestamp)
        return cost

    def _give_back(self, given: Money, refund: Money) -> None:
        self._kept += given.amount - refund.amount
        self._due = refund

    def _follow_refund(self, event: Any, cost: Money) -> None:
        due, self._due = self._due, None
        if event.reason is RefundReason.LATE_PAYMENT:
            self._paid += event.amount.amount
            due = cost
        self._require_sum(event.amount)
        if event.amount != due:
            self._report(f"the refund of {event.amount.amount} for {event.originator_id} is not what is due")

    def _require_sum(self, money: Money) -> None:
        if not money.adds_up:
            self._report(f"the parts of {money.amount} for {self._booking.id} do not add up to it")

    def _report(self, wrong: str) -> None:
        self._wrong = self._wrong or wrong
