"""Base classes of commands, by the thing that a command names."""

from collections.abc import Callable
from typing import ClassVar, Self, dataclass_transform
from uuid import UUID

import msgspec

from domain.read_set import ReadSet


@dataclass_transform(frozen_default=True)
class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base class of all commands: immutable structs that refuse unknown fields."""

    OPERATION: ClassVar[str]
    """Stored name of the command, and part of the key of its outcome. Never change it."""

    MOVES_SEATS: ClassVar[bool] = False
    """True if the command can take or free seats of a flight, or let a waiting party take them.

    The flight's waiting list is then loaded, and served after the command.
    """

    READS_DEPARTURES: ClassVar[bool] = False
    """True if the decision depends on whether the flight of each booking has departed."""

    @property
    def target_id(self) -> UUID | None:
        """The id that the command names, None for one that makes a flight."""
        return None

    @property
    def has_passengers(self) -> bool:
        """True if the command names passengers."""
        return False

    def seal_passengers(self, seal: Callable[[str], str]) -> Self:
        """Return the command with the names of its passengers sealed."""
        return self

    def add_reads(self, read_set: ReadSet) -> None:
        """Add to the read set what the handler and the block need to decide the command."""
        raise NotImplementedError


class FlightCommand(Command):
    """Base class of commands about a flight."""

    flight_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.flight_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.flights.add(self.flight_id)
        if self.MOVES_SEATS:
            read_set.waiting_lists.of_flights.add(self.flight_id)


class BookingCommand(Command):
    """Base class of commands about a booking."""

    booking_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.booking_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.bookings.add(self.booking_id)
        read_set.departures |= self.READS_DEPARTURES
        if self.MOVES_SEATS:
            read_set.waiting_lists.of_bookings.add(self.booking_id)


class RefundCommand(Command):
    """Base class of commands about a refund."""

    refund_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.refund_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.refunds.add(self.refund_id)


class WaitingCommand(Command):
    """Base class of commands about a waiting party."""

    waiting_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.waiting_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.parties.add(self.waiting_id)
        read_set.waiting_lists.of_parties.add(self.waiting_id)


class ItineraryCommand(Command):
    """Base class of commands about an itinerary."""

    itinerary_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.itinerary_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.itineraries.add(self.itinerary_id)
        read_set.departures |= self.READS_DEPARTURES
        if self.MOVES_SEATS:
            read_set.waiting_lists.of_itineraries.add(self.itinerary_id)
