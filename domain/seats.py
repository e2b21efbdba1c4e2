"""Seats of one flight: seats = held + booked + free, always."""

from dataclasses import dataclass

from domain.booking import Status
from domain.refusals import NotEnoughSeats, SeatsInUse

HELD = frozenset({Status.INITIATED, Status.PENDING})


@dataclass(slots=True)
class Seats:
    """The seat counts of one flight; the fold of the log over its bookings."""

    seats: int
    held: int = 0
    booked: int = 0

    @property
    def free(self) -> int:
        return self.seats - self.held - self.booked

    def require(self, asked: int) -> None:
        """All or none. Raises NotEnoughSeats."""
        if asked > self.free:
            raise NotEnoughSeats(f"{asked} asked for, {self.free} free.", asked=asked, free=self.free)

    def require_room_for_use(self, seats: int) -> None:
        """May the flight have `seats` seats? Raises SeatsInUse."""
        in_use = self.held + self.booked
        if seats < in_use:
            raise SeatsInUse(f"{in_use} seats are in use.", asked=seats, in_use=in_use)

    def follow(self, before: Status | None, after: Status | None, count: int) -> None:
        """A booking of `count` seats went from one status to another (None: did not exist)."""
        self.held += count * ((after in HELD) - (before in HELD))
        self.booked += count * ((after is Status.BOOKED) - (before is Status.BOOKED))
