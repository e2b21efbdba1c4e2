"""The seats of one flight in the second pass: how many are in use at every position."""

from array import array
from collections.abc import Callable
from uuid import UUID

from domain.seats import Seats, SeatUse

Note = Callable[[int, str], None]


class Usage:
    """One flight's seats in use at every position, in about ten bytes a change."""

    def __init__(self) -> None:
        self.cancelled = False
        self._counts = Seats(0)
        self._last_position = 0
        self._positions = array("q")
        self._deltas = array("h")

    def follow(self, position: int, before: SeatUse, after: SeatUse) -> None:
        self._counts.replace_use(before, after)
        delta = sum(after) - sum(before)
        if delta:
            self._change(position, -delta)

    def resize(self, position: int, seats: int) -> None:
        if seats != self._counts.seats:
            self._change(position, seats - self._counts.seats)
            self._counts.seats = seats

    def reach(self, position: int) -> None:
        """An event of the flight or of one of its bookings stands there."""
        self._last_position = max(self._last_position, position)

    def join(self, other: "Usage") -> None:
        """What others have seen of the same flight."""
        self.cancelled |= other.cancelled
        self._counts.seats += other._counts.seats
        self._counts.held += other._counts.held
        self._counts.booked += other._counts.booked
        self.reach(other._last_position)
        self._positions += other._positions
        self._deltas += other._deltas

    def check_never_oversold(self, flight_id: UUID, note: Note) -> None:
        free = 0
        for position, delta in sorted(zip(self._positions, self._deltas, strict=True)):
            free += delta
            if free < 0:
                note(position, f"flight {flight_id} is oversold by {-free}")
                return

    def check_cancelled(self, flight_id: UUID, note: Note) -> None:
        if self.cancelled and self._counts.held + self._counts.booked:
            note(self._last_position, f"flight {flight_id} is cancelled, and bookings of it are not")

    def check_counts(self, flight_id: UUID, recorded: Seats | None, note: Note) -> None:
        if recorded != self._counts:
            note(self._last_position, f"seats of {flight_id}: {recorded}, the log says {self._counts}")

    def _change(self, position: int, free: int) -> None:
        self._positions.append(position)
        self._deltas.append(free)
