"""Handlers of commands about passengers; listed in `domain.handlers.HANDLERS`."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from domain.booking import Booking
from domain.booking_split import BookingSplit, split
from domain.booking_state import Status
from domain.caller import CommandContext
from domain.commands.passengers import NamePassengers, NewPassenger, SplitBooking
from domain.party_rules import choose
from domain.refusals.flights import FlightDeparted
from domain.working_set import WorkingSet


def name_passengers(command: NamePassengers, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.own_booking(command.booking_id, context.caller)
    context.require_version(booking)
    if booking.status is not Status.CANCELLED and working_set.has_departed(booking.flight_id):
        raise FlightDeparted(flight_id=booking.flight_id)
    kept = [passenger.id for passenger in command.passengers if passenger.id is not UNSET]
    choose(booking.passengers, kept)
    passengers = [
        one.as_passenger(working_set.new_id() if isinstance(one.id, UnsetType) else one.id)
        for one in command.passengers
    ]
    booking.name_passengers(passengers, working_set.now)
    return booking


def split_booking(command: SplitBooking, context: CommandContext, working_set: WorkingSet) -> BookingSplit:
    booking = working_set.own_booking(command.booking_id, context.caller)
    context.require_version(booking)
    if booking.status is not Status.CANCELLED and working_set.has_departed(booking.flight_id):
        raise FlightDeparted(flight_id=booking.flight_id)
    expires_at = working_set.hold_end(booking.flight_id)
    parts = split(booking, command.passengers, working_set.new_id(), expires_at, working_set.now)
    working_set.add(parts)
    return parts


def name_new_passengers(
    booking: Booking, passengers: Sequence[NewPassenger] | UnsetType, working_set: WorkingSet
) -> None:
    """Name the passengers of a new booking, if the command does. Raises as `Booking.name_passengers` does."""
    if not isinstance(passengers, UnsetType):
        named = [one.as_passenger(working_set.new_id()) for one in passengers]
        booking.name_passengers(named, working_set.now)
