"""Seat counts of one flight: seats + overbooking = held + booked + free."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.booking_state import Status
from domain.refusals.flights import NotEnoughSeats, SeatsInUse


class SeatUse(NamedTuple):
    """Number of seats that one booking holds and has booked."""

    held: int
    booked: int

    @classmethod
    def of(cls, booking: Booking) -> "SeatUse":
        if booking.status is Status.CANCELLED:
            return NONE_USED
        return cls(0, booking.seats) if booking.status is Status.BOOKED else cls(booking.seats, 0)


NONE_USED = SeatUse(0, 0)


@dataclass(slots=True)
class Seats:
    """Seat counts of one flight. They equal the fold of the log over its bookings."""

    seats: int
    held: int = 0
    booked: int = 0
    overbooking: int = 0
    """Seats that may be sold beyond those of the aircraft."""

    @property
    def sellable(self) -> int:
        return self.seats + self.overbooking

    @property
    def free(self) -> int:
        return self.seats + self.overbooking - self.held - self.booked

    def require(self, asked: int, flight_id: UUID) -> None:
        """Check that all these seats are free. Raises NotEnoughSeats with the id of the flight."""
        if asked > self.free:
            detail = f"{asked} asked for, {self.free} free."
            raise NotEnoughSeats(detail, flight_id=flight_id, asked=asked, free=self.free)

    def require_capacity(self, seats: int, overbooking: int) -> None:
        """Check that so many seats and overbooked ones cover the seats in use. Raises SeatsInUse."""
        in_use = self.held + self.booked
        if seats + overbooking < in_use:
            raise SeatsInUse(
                f"{in_use} seats are in use.", asked=seats, overbooking=overbooking, in_use=in_use
            )

    def replace_use(self, before: SeatUse, after: SeatUse) -> None:
        """Replace a booking's previous use by its current use in the counts."""
        self.held += after.held - before.held
        self.booked += after.booked - before.booked
