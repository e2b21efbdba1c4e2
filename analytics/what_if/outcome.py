"""What becomes of the holds asked for, counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from domain.booking import Booking, CancelReason, Status


@dataclass(slots=True)
class Outcome:
    """What became of the holds asked for, when the log ended. Revenue is in minor units, by currency.

    `expired`: the hold ran out, tidied away or not; `open`: neither paid nor over. `seats_over` are seats
    sold that the aircraft does not have: those who would be denied boarding if everybody came.
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
        """One flight, which has so many seats."""
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
