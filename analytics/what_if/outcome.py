"""Counts of what became of the requested holds, and the money that they brought."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.payments import PaymentStatus
from domain.refunds import RefundReason

RECEIVED = (PaymentStatus.CAPTURED, PaymentStatus.REFUND_DUE, PaymentStatus.REFUNDED)
"""Statuses of a payment that was captured."""


@dataclass(slots=True)
class HoldOutcomes:
    """Requested holds by outcome at the end of the log. Revenue is in minor units, by currency: the money
    received, less what was owed back of it.

    `expired` holds ran out, swept or not; `open` holds are neither paid nor expired. `seats_over` counts
    seats sold beyond the capacity of the aircraft.
    """

    asked: int = 0
    refused: int = 0
    paid: int = 0
    expired: int = 0
    cancelled: int = 0
    open: int = 0
    seats_sold: int = 0
    revenue: dict[str, int] = field(default_factory=dict)
    flights_over: int = 0
    seats_over: int = 0

    def add(self, bookings: Iterable[Booking], refused: int, seats: int, ends_at: datetime) -> None:
        """Add the bookings of one flight with `seats` seats."""
        sold = 0
        for booking in bookings:
            self.asked += 1
            if kept := _kept(booking):
                currency = booking.total_cost.currency
                self.revenue[currency] = self.revenue.get(currency, 0) + kept
            if booking.status is Status.BOOKED:
                self.paid += 1
                sold += booking.seats
            elif booking.hold_is_due(ends_at) or booking.cancel_reason is CancelReason.HOLD_EXPIRED:
                self.expired += 1
            elif booking.status is Status.CANCELLED:
                self.cancelled += 1
            else:
                self.open += 1
        self.asked += refused
        self.refused += refused
        self.seats_sold += sold
        if sold > seats:
            self.flights_over += 1
            self.seats_over += sold - seats


def _kept(booking: Booking) -> int:
    """Return the minor units received for the booking, less its refunds without compensations."""
    payment = booking.payment
    if payment is None or payment.status not in RECEIVED:
        return 0
    refunds = booking.refunds.values()
    owed = sum(each.amount.amount for each in refunds if each.reason is not RefundReason.COMPENSATION)
    return payment.amount.amount - owed
