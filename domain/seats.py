"""Seats of one flight: seats = held + booked + free, always."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking, Status
from domain.refusals import NotEnoughSeats, SeatsInUse


class SeatUse(NamedTuple):
    """How many seats of its flight a booking has held and booked."""

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
    """The seat counts of one flight; the fold of the log over its bookings."""

    seats: int
    held: int = 0
    booked: int = 0

    @property
    def free(self) -> int:
        return self.seats - self.held - self.booked

    def require(self, asked: int, flight_id: UUID) -> None:
        """All or none, of that flight. Raises NotEnoughSeats, which names it: nothing else recorded does."""
        if asked > self.free:
            detail = f"{asked} asked for, {self.free} free."
            raise NotEnoughSeats(detail, flight_id=flight_id, asked=asked, free=self.free)

    def require_capacity(self, seats: int) -> None:
        """May the flight have `seats` seats? Raises SeatsInUse."""
        in_use = self.held + self.booked
        if seats < in_use:
            raise SeatsInUse(f"{in_use} seats are in use.", asked=seats, in_use=in_use)

    def replace_use(self, before: SeatUse, after: SeatUse) -> None:
        """A booking used so many seats before, and uses so many now."""
        self.held += after.held - before.held
        self.booked += after.booked - before.booked
