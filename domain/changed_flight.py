"""A flight and its bookings, changed by one command."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.flight import Flight


class NotMoved(NamedTuple):
    """A booking that stays on its flight, and the code of the refusal."""

    booking_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class ChangedFlight:
    """The result of a command about a flight that changes bookings, too; the flight is its subject."""

    flight: Flight
    bookings: list[Booking]
    not_moved: list[NotMoved] = field(default_factory=list)
    """Bookings that a command which moves them leaves where they are."""

    @property
    def id(self) -> UUID:
        return self.flight.id

    @property
    def version(self) -> int:
        return self.flight.version

    @property
    def changed(self) -> list[Flight | Booking]:
        return [self.flight, *self.bookings]
