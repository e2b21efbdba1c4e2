"""A flight and its bookings, changed by one command."""

from dataclasses import dataclass
from uuid import UUID

from domain.booking import Booking
from domain.flight import Flight


@dataclass(frozen=True, slots=True)
class ChangedFlight:
    """The result of a command about a flight that changes bookings, too; the flight is its subject."""

    flight: Flight
    bookings: list[Booking]

    @property
    def id(self) -> UUID:
        return self.flight.id

    @property
    def version(self) -> int:
        return self.flight.version

    @property
    def changed(self) -> list[Flight | Booking]:
        return [self.flight, *self.bookings]
