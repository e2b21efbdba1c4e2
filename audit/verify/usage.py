"""Seats of one flight in the second pass: the number in use at every position."""

from array import array
from uuid import UUID

from audit.verify.divergence import ReportDivergence
from domain.seats import Seats, SeatUse


class Usage:
    """Seats of one flight in use at every position; a change takes about ten bytes."""

    def __init__(self) -> None:
        self.cancelled = False
        self.departed = False
        """Whether the departure is recorded."""
        self._counts = Seats(0)
        self._last_position = 0
        self._positions = array("q")
        self._deltas = array("h")

    def follow(self, position: int, before: SeatUse, after: SeatUse) -> None:
        self._counts.replace_use(before, after)
        delta = sum(after) - sum(before)
        if delta:
            self._change(position, -delta)

    def resize(self, position: int, seats: int, overbooking: int) -> None:
        sellable = self._counts.sellable
        if seats + overbooking != sellable:
            self._change(position, seats + overbooking - sellable)
        self._counts.seats, self._counts.overbooking = seats, overbooking

    def reach(self, position: int) -> None:
        """Record the position of an event of the flight or of one of its bookings."""
        self._last_position = max(self._last_position, position)

    def join(self, other: "Usage") -> None:
        """Add the usage of the same flight from other streams."""
        self.cancelled |= other.cancelled
        self.departed |= other.departed
        self._counts.seats += other._counts.seats
        self._counts.overbooking += other._counts.overbooking
        self._counts.held += other._counts.held
        self._counts.booked += other._counts.booked
        self.reach(other._last_position)
        self._positions += other._positions
        self._deltas += other._deltas

    def check_never_oversold(self, flight_id: UUID, report: ReportDivergence) -> None:
        free = 0
        for position, delta in sorted(zip(self._positions, self._deltas, strict=True)):
            free += delta
            if free < 0:
                report(position, f"flight {flight_id} is oversold by {-free}")
                return

    def check_cancelled(self, flight_id: UUID, report: ReportDivergence) -> None:
        if self.cancelled and self._counts.held + self._counts.booked:
            report(self._last_position, f"flight {flight_id} is cancelled, and bookings of it are not")

    def check_departed(self, flight_id: UUID, report: ReportDivergence) -> None:
        if self.departed and self._counts.held:
            report(self._last_position, f"flight {flight_id} has departed, and holds on it are not over")

    def check_counts(self, flight_id: UUID, recorded: Seats | None, report: ReportDivergence) -> None:
        if recorded != self._counts:
            report(self._last_position, f"seats of {flight_id}: {recorded}, the log says {self._counts}")

    def _change(self, position: int, free: int) -> None:
        self._positions.append(position)
        self._deltas.append(free)
