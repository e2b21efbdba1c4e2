"""Handlers of commands that move bookings to other flights; listed in `domain.handlers.HANDLERS`."""

from collections.abc import Sequence
from uuid import UUID

from domain.booking import Booking
from domain.booking_state import Status
from domain.caller import CommandContext
from domain.changed_flight import ChangedFlight, NotMoved
from domain.commands.bookings import MoveBooking
from domain.commands.flights import MoveAllBookings
from domain.flight import Flight
from domain.refusals.base import Refusal
from domain.refusals.bookings import AlreadyOnFlight, BookingCancelled, CurrencyDiffers
from domain.refusals.flights import FlightNotFound
from domain.schedule_handlers import retiming_to
from domain.working_set import WorkingSet

_ORDER = (Status.BOOKED, Status.PENDING, Status.INITIATED)


def move_booking(command: MoveBooking, context: CommandContext, working_set: WorkingSet) -> Booking:
    """Move one booking. The block has already expired due holds and served the waiting list there."""
    booking = working_set.booking(command.booking_id)
    context.require_version(booking)
    if booking.status is Status.CANCELLED:
        raise BookingCancelled(booking_id=booking.id, reason=booking.cancel_reason)
    target = working_set.flights.get(command.flight_id)
    if target is None:
        raise FlightNotFound(flight_id=command.flight_id)
    booking.require_movable(working_set.now)
    if target.id == booking.flight_id:
        raise AlreadyOnFlight(booking_id=booking.id, flight_id=target.id)
    target.require_bookable(working_set.now)
    _require_place(booking, target, working_set)
    _move(booking, target, working_set)
    return booking


def move_all_bookings(
    command: MoveAllBookings, context: CommandContext, working_set: WorkingSet
) -> ChangedFlight:
    """Move each booking to the first of the flights with seats for it, paid bookings and older ones first."""
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    flight.require_changeable(working_set.now, working_set.terms.delay_max)
    targets = [_target(id, working_set) for id in command.to]
    moved, left = [], []
    bookings = working_set.live_bookings(flight.id)
    for booking in sorted(bookings, key=lambda one: (_ORDER.index(one.status), one.created_on, one.id)):
        refusal = _move_to_first(booking, targets, working_set)
        if refusal is None:
            moved.append(booking)
        else:
            left.append(NotMoved(booking.id, refusal.code))
    flight.record_moves(list(command.to), len(moved), len(left), working_set.now)
    return ChangedFlight(flight, moved, left)


def _target(flight_id: UUID, working_set: WorkingSet) -> Flight:
    """Return a flight to move to. Raises FlightNotFound, FlightNotBookable."""
    target = working_set.flights.get(flight_id)
    if target is None:
        raise FlightNotFound(flight_id=flight_id)
    target.require_bookable(working_set.now)
    return target


def _move_to_first(booking: Booking, targets: Sequence[Flight], working_set: WorkingSet) -> Refusal | None:
    """Move the booking to the first flight with a place for it; return the last refusal if none has."""
    refusal = None
    try:
        booking.require_movable(working_set.now)
    except Refusal as unmovable:
        return unmovable
    for target in targets:
        try:
            _require_place(booking, target, working_set)
        except Refusal as full:
            refusal = full
        else:
            _move(booking, target, working_set)
            return None
    return refusal


def _require_place(booking: Booking, target: Flight, working_set: WorkingSet) -> None:
    """Check that the flight can take the booking. Raises CurrencyDiffers, NotEnoughSeats."""
    currency = booking.total_cost.currency
    if target.price.currency != currency:
        currencies = sorted({currency, target.price.currency})
        raise CurrencyDiffers(flight_id=target.id, currencies=currencies)
    working_set.seats[target.id].require(booking.seats, target.id)


def _move(booking: Booking, target: Flight, working_set: WorkingSet) -> None:
    source = working_set.flights[booking.flight_id]
    other_route = (source.origin, source.destination) != (target.origin, target.destination)
    retiming = retiming_to(target, source.times, working_set, other_route=other_route)
    booking.move(target.id, retiming, working_set.now)
    working_set.move_seats(booking, source.id)
