"""Counts of what became of the requested holds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from domain.booking import Booking
from domain.booking_record import CancelReason, Status


@dataclass(slots=True)
class HoldOutcomes:
    """Requested holds by outcome at the end of the log. Revenue is in minor units, by currency.

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
            if booking.status is Status.BOOKED:
                self.paid += 1
                sold += booking.seats
                cost = booking.total_cost
                self.revenue[cost.currency] = self.revenue.get(cost.currency, 0) + cost.amount
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
