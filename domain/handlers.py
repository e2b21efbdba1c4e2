"""Handlers of commands about flights and bookings, and the table of all handlers."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from msgspec import UNSET, UnsetType

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.caller import CommandContext
from domain.commands.base import Command
from domain.commands.bookings import (
    AcceptChange,
    CancelBooking,
    CancelWithFlight,
    DenyBoarding,
    ExpireHold,
    InitiateBooking,
    MoveBooking,
    RecordFlown,
    RecordNoShow,
    ReduceSeats,
)
from domain.commands.flights import (
    CancelFlight,
    ChangeCancellationPolicy,
    ChangeFlightSeats,
    ChangeOverbooking,
    DepartFlight,
    MoveAllBookings,
    RepriceFlight,
    RetimeFlight,
    ScheduleFlight,
)
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    PayItinerary,
    RecordItineraryPayment,
    VoidItinerary,
)
from domain.commands.passengers import NamePassengers, SplitBooking
from domain.commands.payments import (
    CapturePayment,
    PayBooking,
    RecordPayment,
    RecordRefund,
    SettleRefund,
    VoidPayment,
)
from domain.commands.sandbox import AdvanceClock
from domain.commands.waiting import CloseWaiting, HoldOffer, JoinWaitlist, LeaveWaitlist, OfferSeats
from domain.departure_handlers import cancel_booking, deny_boarding, depart_flight, record_travel
from domain.flight import Flight
from domain.hold_rules import require_bookable, require_few_holds
from domain.itinerary_handlers import (
    cancel_itinerary,
    capture_itinerary,
    initiate_itinerary,
    pay_itinerary,
    record_itinerary_payment,
    void_itinerary,
)
from domain.move_handlers import move_all_bookings, move_booking
from domain.passenger_handlers import name_new_passengers, name_passengers, split_booking
from domain.payment_handlers import (
    capture_payment,
    pay_booking,
    record_payment,
    record_refund,
    settle_refund,
    void_payment,
)
from domain.refusals.flights import DepartureInPast, FlightAlreadyScheduled, FlightDeparted
from domain.sandbox_clock import ClockAdvance
from domain.schedule_handlers import accept_change, retime_flight
from domain.waiting_handlers import (
    close_waiting,
    hold_offer,
    join_waitlist,
    leave_waitlist,
    offer_seats,
)
from domain.working_set import Result, WorkingSet


def schedule_flight(command: ScheduleFlight, context: CommandContext, working_set: WorkingSet) -> Flight:
    if command.departs_at <= working_set.now and command.backfill is not True:
        raise DepartureInPast(now=working_set.now)
    taken = working_set.scheduled.get((command.number, command.origin, command.departure_day))
    if taken is not None:
        raise FlightAlreadyScheduled(flight_id=taken)
    policy = command.cancellation_policy
    flight = Flight.schedule(
        id=working_set.new_id(),
        number=command.number,
        origin=command.origin,
        destination=command.destination,
        departs_at=command.departs_at.astimezone(UTC),
        arrives_at=command.arrives_at.astimezone(UTC),
        departure_day=command.departure_day,
        seats=command.seats,
        price=command.price.as_money(),
        cancellation_policy=None if policy is UNSET else policy.as_policy(),
        now=working_set.now,
    )
    working_set.add(flight)
    return flight


def reprice_flight(command: RepriceFlight, context: CommandContext, working_set: WorkingSet) -> Flight:
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    flight.reprice(command.price.as_money(), working_set.now)
    return flight


def change_cancellation_policy(
    command: ChangeCancellationPolicy, context: CommandContext, working_set: WorkingSet
) -> Flight:
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    policy = command.cancellation_policy
    flight.change_cancellation_policy(policy and policy.as_policy(), working_set.now)
    return flight


def change_flight_seats(
    command: ChangeFlightSeats, context: CommandContext, working_set: WorkingSet
) -> Flight:
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    working_set.seats[flight.id].require_capacity(command.seats, flight.overbooking)
    flight.change_seats(command.seats, working_set.now, working_set.terms.delay_max)
    return flight


def change_overbooking(
    command: ChangeOverbooking, context: CommandContext, working_set: WorkingSet
) -> Flight:
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    working_set.seats[flight.id].require_capacity(flight.seats, command.seats)
    flight.change_overbooking(command.seats, command.reason, working_set.now, working_set.terms.delay_max)
    return flight


def cancel_flight(command: CancelFlight, context: CommandContext, working_set: WorkingSet) -> Flight:
    """Cancel the flight only. The block then cancels each of its bookings with a CancelWithFlight."""
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    flight.cancel(command.reason, working_set.now, working_set.terms.delay_max)
    return flight


def initiate_booking(command: InitiateBooking, context: CommandContext, working_set: WorkingSet) -> Booking:
    flight, (total_cost,) = require_bookable([command], context, working_set)
    require_few_holds([command], context, working_set)
    booking = Booking.initiate(
        id=working_set.new_id(),
        flight_id=flight.id,
        user_id=command.user_id,
        seats=command.seats,
        total_cost=total_cost,
        expires_at=min(working_set.now + working_set.terms.hold, flight.departure),
        cancellation_policy=flight.cancellation_policy,
        now=working_set.now,
    )
    name_new_passengers(booking, command.passengers, working_set)
    working_set.add(booking)
    return booking


def reduce_seats(command: ReduceSeats, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.own_booking(command.booking_id, context.caller)
    context.require_version(booking)
    if booking.status is not Status.CANCELLED and working_set.has_departed(booking.flight_id):
        raise FlightDeparted(flight_id=booking.flight_id)
    leaving = () if isinstance(command.passengers, UnsetType) else command.passengers
    booking.reduce_seats(command.seats, working_set.new_id(), working_set.now, leaving)
    return booking


def cancel_with_flight(
    command: CancelWithFlight, context: CommandContext, working_set: WorkingSet
) -> Booking:
    booking = working_set.booking(command.booking_id)
    booking.cancel(CancelReason.FLIGHT_CANCELLED, None, working_set.new_id(), working_set.now)
    return booking


def expire_hold(command: ExpireHold, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking(command.booking_id)
    if booking.held_until is not None and working_set.has_departed(booking.flight_id):
        booking.end_hold(working_set.now)
    else:
        booking.expire(working_set.now)
    return booking


def advance_clock(command: AdvanceClock, context: CommandContext, working_set: WorkingSet) -> ClockAdvance:
    """Move the clock of a sandbox. Its API alone submits this command."""
    advance = ClockAdvance.advance(id=working_set.new_id(), seconds=command.seconds, now=working_set.now)
    working_set.add(advance)
    return advance


Handler = Callable[[Any, CommandContext, WorkingSet], Result]

HANDLERS: dict[type[Command], Handler] = {
    ScheduleFlight: schedule_flight,
    RepriceFlight: reprice_flight,
    ChangeCancellationPolicy: change_cancellation_policy,
    ChangeFlightSeats: change_flight_seats,
    ChangeOverbooking: change_overbooking,
    CancelFlight: cancel_flight,
    DepartFlight: depart_flight,
    RetimeFlight: retime_flight,
    MoveAllBookings: move_all_bookings,
    InitiateBooking: initiate_booking,
    PayBooking: pay_booking,
    CapturePayment: capture_payment,
    VoidPayment: void_payment,
    NamePassengers: name_passengers,
    SplitBooking: split_booking,
    ReduceSeats: reduce_seats,
    CancelBooking: cancel_booking,
    AcceptChange: accept_change,
    MoveBooking: move_booking,
    DenyBoarding: deny_boarding,
    RecordFlown: record_travel,
    RecordNoShow: record_travel,
    ExpireHold: expire_hold,
    CancelWithFlight: cancel_with_flight,
    SettleRefund: settle_refund,
    RecordPayment: record_payment,
    RecordRefund: record_refund,
    JoinWaitlist: join_waitlist,
    LeaveWaitlist: leave_waitlist,
    OfferSeats: offer_seats,
    HoldOffer: hold_offer,
    CloseWaiting: close_waiting,
    InitiateItinerary: initiate_itinerary,
    PayItinerary: pay_itinerary,
    CaptureItinerary: capture_itinerary,
    VoidItinerary: void_itinerary,
    CancelItinerary: cancel_itinerary,
    RecordItineraryPayment: record_itinerary_payment,
    AdvanceClock: advance_clock,
}
