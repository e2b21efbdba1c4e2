"""Commands about itineraries."""

from collections.abc import Callable
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.commands.base import Command, ItineraryCommand
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Note, PartySize, PaymentMethod, Reason, UserId
from domain.commands.passengers import NewPassengers, seal_all
from domain.money import Money
from domain.payments import Capture, PaymentOutcome
from domain.personal import Personal
from domain.read_set import ReadSet

ITINERARY_BOOKINGS_MAX = 8
"""Maximum number of bookings of one itinerary."""
BookingIds = Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=ITINERARY_BOOKINGS_MAX)]


class ItineraryBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seats on one flight of an itinerary."""

    flight_id: UUID
    seats: PartySize
    passengers: NewPassengers | UnsetType = UNSET

    def seal_passengers(self, seal: Callable[[str], str]) -> Self:
        return msgspec.structs.replace(self, passengers=seal_all(self.passengers, seal))


class InitiateItinerary(Command):
    """Hold seats on all these flights, or on none of them."""

    OPERATION = "initiate_itinerary"
    MOVES_SEATS = True

    user_id: UserId
    bookings: Annotated[tuple[ItineraryBooking, ...], Meta(min_length=1, max_length=ITINERARY_BOOKINGS_MAX)]

    @property
    def target_id(self) -> UUID:
        return self.bookings[0].flight_id

    @property
    def has_passengers(self) -> bool:
        return any(one.passengers is not UNSET for one in self.bookings)

    def seal_passengers(self, seal: Callable[[str], str]) -> Self:
        return msgspec.structs.replace(
            self, bookings=tuple(one.seal_passengers(seal) for one in self.bookings)
        )

    @property
    def holds(self) -> list[InitiateBooking]:
        """The holds, in the order of the request."""
        return [InitiateBooking(one.flight_id, self.user_id, one.seats) for one in self.bookings]

    @property
    def holds_by_flight(self) -> dict[UUID, list[InitiateBooking]]:
        by_flight: dict[UUID, list[InitiateBooking]] = {}
        for hold in self.holds:
            by_flight.setdefault(hold.flight_id, []).append(hold)
        return by_flight

    def add_reads(self, read_set: ReadSet) -> None:
        for hold in self.holds:
            hold.add_reads(read_set)


class PayItinerary(ItineraryCommand):
    """Pay the `total_cost` of an itinerary, in one step or by a later capture."""

    OPERATION = "pay_itinerary"
    READS_DEPARTURES = True

    user_id: UserId
    total_cost: Money
    capture: Capture = Capture.AUTOMATIC
    payment_method: PaymentMethod | UnsetType = UNSET


class CaptureItinerary(ItineraryCommand):
    OPERATION = "capture_itinerary"
    MOVES_SEATS = True

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.itinerary_captures.add(self.itinerary_id)


class VoidItinerary(ItineraryCommand):
    OPERATION = "void_itinerary"
    MOVES_SEATS = True

    reason: Annotated[Reason, Personal.TEXT]


class CancelItinerary(ItineraryCommand):
    """`booking_ids`: the bookings to cancel; unset: all of them."""

    OPERATION = "cancel_itinerary"
    MOVES_SEATS = True
    READS_DEPARTURES = True

    reason: Note | None = None
    booking_ids: BookingIds | UnsetType = UNSET


class RecordItineraryPayment(ItineraryCommand):
    """Record what became of a payment at the gateway, as RecordPayment does for one booking."""

    OPERATION = "record_itinerary_payment"
    MOVES_SEATS = True

    payment_id: UUID
    outcome: PaymentOutcome
    reference: str | None = None
    code: str | None = None

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.itinerary_captures.add(self.itinerary_id)
