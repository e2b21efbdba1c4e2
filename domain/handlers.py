"""What each command does: load, check, act. The dictionary at the foot is the list of all there is."""

from collections.abc import Callable
from datetime import UTC
from typing import Any, NamedTuple

from domain.booking import Booking, CancelReason
from domain.caller import Caller
from domain.commands import (
    CancelBooking,
    ChangeFlightSeats,
    Command,
    ExpireHold,
    InitiateBooking,
    PayBooking,
    RepriceFlight,
    ScheduleFlight,
)
from domain.flight import Flight
from domain.refusals import BookingNotFound, FlightAlreadyScheduled, NotYourAccount, TotalTooLarge
from domain.working_set import WorkingSet


class Asked(NamedTuple):
    """Who asks, and which version of the booking the command is meant for (None: any)."""

    caller: Caller
    expected_version: int | None = None


def schedule_flight(command: ScheduleFlight, asked: Asked, world: WorkingSet) -> Flight:
    taken = world.scheduled.get((command.number, command.origin, command.departure_day))
    if taken is not None:
        raise FlightAlreadyScheduled(flight_id=taken)
    flight = Flight.schedule(
        id=world.new_id(),
        number=command.number,
        origin=command.origin,
        destination=command.destination,
        departs_at=command.departs_at.astimezone(UTC),
        arrives_at=command.arrives_at.astimezone(UTC),
        departure_day=command.departure_day,
        seats=command.seats,
        price=command.price.as_money(),
        now=world.now,
    )
    world.add(flight)
    return flight


def reprice_flight(command: RepriceFlight, asked: Asked, world: WorkingSet) -> Flight:
    flight = world.flight(command.flight_id)
    flight.reprice(command.price.as_money(), world.now)
    return flight


def change_flight_seats(command: ChangeFlightSeats, asked: Asked, world: WorkingSet) -> Flight:
    flight = world.flight(command.flight_id)
    world.seats[flight.id].require_room_for_use(command.seats)
    flight.change_seats(command.seats, world.now)
    return flight


def initiate_booking(command: InitiateBooking, asked: Asked, world: WorkingSet) -> Booking:
    if not asked.caller.may_act_for(command.user_id):
        raise NotYourAccount
    flight = world.flight(command.flight_id)
    flight.require_bookable(world.now)
    world.seats[flight.id].require(command.seats)
    try:
        total_cost = flight.price.times(command.seats)
    except ValueError:
        raise TotalTooLarge(price=flight.price, seats=command.seats) from None
    booking = Booking.initiate(
        id=world.new_id(),
        flight_id=flight.id,
        user_id=command.user_id,
        seats=command.seats,
        total_cost=total_cost,
        expires_at=world.now + world.hold,
        now=world.now,
    )
    world.add(booking)
    return booking


def pay_booking(command: PayBooking, asked: Asked, world: WorkingSet) -> Booking:
    booking = _own_booking(command, asked, world)
    if booking.user_id != command.user_id:
        raise BookingNotFound(booking_id=command.booking_id)
    booking.require_version(asked.expected_version)
    booking.pay(world.new_id(), command.total_cost, world.now)
    return booking


def cancel_booking(command: CancelBooking, asked: Asked, world: WorkingSet) -> Booking:
    booking = _own_booking(command, asked, world)
    booking.require_version(asked.expected_version)
    booking.cancel(CancelReason.REQUESTED, command.reason, world.now)
    return booking


def expire_hold(command: ExpireHold, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    booking.expire(world.now)
    return booking


def _own_booking(command: PayBooking | CancelBooking, asked: Asked, world: WorkingSet) -> Booking:
    """Somebody else's booking is answered exactly like an unknown one."""
    booking = world.booking(command.booking_id)
    if not asked.caller.may_act_for(booking.user_id):
        raise BookingNotFound(booking_id=command.booking_id)
    return booking


Handler = Callable[[Any, Asked, WorkingSet], Flight | Booking]

HANDLERS: dict[type[Command], Handler] = {
    ScheduleFlight: schedule_flight,
    RepriceFlight: reprice_flight,
    ChangeFlightSeats: change_flight_seats,
    InitiateBooking: initiate_booking,
    PayBooking: pay_booking,
    CancelBooking: cancel_booking,
    ExpireHold: expire_hold,
}


def operation(command: Command) -> str:
    """The stored name of what a command does; scopes its idempotency key."""
    return HANDLERS[type(command)].__name__
