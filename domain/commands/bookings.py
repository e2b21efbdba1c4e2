"""Commands about bookings."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.commands.base import BookingCommand, FlightCommand
from domain.commands.fields import PARTY_SIZE_MAX, Note, PartySize, Price, Reason, UserId
from domain.commands.passengers import NewPassengers, PassengerIds, seal_all
from domain.money import AMOUNT_MAX, KnownCode
from domain.passengers import Travel
from domain.personal import Personal
from domain.read_set import ReadSet


class InitiateBooking(FlightCommand):
    """Hold seats of a flight for a user, until the booking expires."""

    OPERATION = "initiate_booking"
    MOVES_SEATS = True

    user_id: UserId
    seats: PartySize
    passengers: NewPassengers | UnsetType = UNSET

    @property
    def has_passengers(self) -> bool:
        return self.passengers is not UNSET

    def seal_passengers(self, seal: Callable[[str], str]) -> Self:
        return msgspec.structs.replace(self, passengers=seal_all(self.passengers, seal))

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.add_seats_needed(self.flight_id, self.seats)


class ReduceSeats(BookingCommand):
    OPERATION = "reduce_seats"
    MOVES_SEATS = True
    READS_DEPARTURES = True

    seats: PartySize
    passengers: PassengerIds | UnsetType = UNSET
    """The passengers that leave; required if the booking names its passengers."""


class RefundAmount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of what was paid, in minor units of its currency."""

    amount: Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description="Integer minor units")]
    currency: KnownCode | UnsetType = UNSET


StatedRefund = Literal["full", "none"] | RefundAmount


class CancelBooking(BookingCommand):
    """`refund` is the operator's decision; unset: the whole price of a paid booking."""

    OPERATION = "cancel_booking"
    MOVES_SEATS = True
    READS_DEPARTURES = True

    reason: Note | None = None
    refund: StatedRefund | UnsetType = UNSET


class DenyBoarding(BookingCommand):
    """Cancel a paid booking for which the flight has no seats; `compensation` is owed beside the refund."""

    OPERATION = "deny_boarding"
    MOVES_SEATS = True

    reason: Annotated[Reason, Personal.TEXT]
    compensation: Price | UnsetType = UNSET


class AcceptChange(BookingCommand):
    """Accept the changed times of the flight."""

    OPERATION = "accept_change"


class MoveBooking(BookingCommand):
    """Move the booking to the flight `flight_id`, for the money that was paid or is due already."""

    OPERATION = "move_booking"
    MOVES_SEATS = True

    flight_id: UUID

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.flights.add(self.flight_id)
        read_set.waiting_lists.of_flights.add(self.flight_id)
        read_set.captures.add(self.booking_id)  # loads the flight that it leaves
        read_set.add_seats_needed(self.flight_id, PARTY_SIZE_MAX)


class TravelCommand(BookingCommand):
    """Base class of the commands that record, after the departure, what became of a paid booking."""

    TRAVEL: ClassVar[Travel]
    READS_DEPARTURES = True

    passengers: PassengerIds | UnsetType = UNSET


class RecordFlown(TravelCommand):
    OPERATION = "record_flown"
    TRAVEL = Travel.FLOWN


class RecordNoShow(TravelCommand):
    OPERATION = "record_no_show"
    TRAVEL = Travel.NO_SHOW


class ExpireHold(BookingCommand):
    OPERATION = "expire_hold"
    MOVES_SEATS = True


class CancelWithFlight(BookingCommand):
    OPERATION = "cancel_with_flight"
