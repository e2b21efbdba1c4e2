"""What each command does: load, check, act. The dictionary at the foot is the list of all there is."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from msgspec import UNSET

from domain import through_gateway
from domain.booking import Booking, CancelReason, Status
from domain.caller import Caller
from domain.commands import (
    CancelBooking,
    CancelFlight,
    CancelWithFlight,
    CapturePayment,
    ChangeFlightSeats,
    CloseWaiting,
    Command,
    ExpireHold,
    HoldOffer,
    InitiateBooking,
    JoinWaitlist,
    LeaveWaitlist,
    OfferSeats,
    PayBooking,
    RecordPayment,
    RecordRefund,
    ReduceSeats,
    RepriceFlight,
    ScheduleFlight,
    SettleRefund,
    VoidPayment,
)
from domain.flight import Flight, FlightStatus
from domain.money import Money
from domain.payments import Capture
from domain.refusals import (
    BookingNotFound,
    FlightAlreadyScheduled,
    NotYourAccount,
    TotalTooLarge,
)
from domain.through_gateway import LateTerms, Order, Told
from domain.waiting_handlers import (
    close_waiting,
    hold_offer,
    join_waitlist,
    leave_waitlist,
    offer_seats,
)
from domain.working_set import Subject, WorkingSet


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


def cancel_flight(command: CancelFlight, asked: Asked, world: WorkingSet) -> Flight:
    """The flight alone: its bookings follow in the same block, each by a CancelWithFlight."""
    flight = world.flight(command.flight_id)
    flight.cancel(command.reason, world.now)
    return flight


def require_bookable(
    commands: Sequence[InitiateBooking], asked: Asked, world: WorkingSet
) -> tuple[Flight, list[Money]]:
    """The flight of these holds, and what each costs, if all of them can be granted.

    Raises NotYourAccount, FlightNotFound, FlightNotBookable, NotEnoughSeats, TotalTooLarge.
    """
    if not all(asked.caller.may_act_for(command.user_id) for command in commands):
        raise NotYourAccount
    flight = world.flight(commands[0].flight_id)
    flight.require_bookable(world.now)
    world.seats[flight.id].require(sum(command.seats for command in commands))
    try:
        return flight, [flight.price.times(command.seats) for command in commands]
    except ValueError:
        seats = max(command.seats for command in commands)
        raise TotalTooLarge(price=flight.price, seats=seats) from None


def initiate_booking(command: InitiateBooking, asked: Asked, world: WorkingSet) -> Booking:
    flight, (total_cost,) = require_bookable([command], asked, world)
    booking = Booking.initiate(
        id=world.new_id(),
        flight_id=flight.id,
        user_id=command.user_id,
        seats=command.seats,
        total_cost=total_cost,
        expires_at=world.now + world.terms.hold,
        now=world.now,
    )
    world.add(booking)
    return booking


def pay_booking(command: PayBooking, asked: Asked, world: WorkingSet) -> Booking:
    booking = _own_booking(command, asked, world)
    if booking.user_id != command.user_id:
        raise BookingNotFound(booking_id=command.booking_id)
    booking.require_version(asked.expected_version)
    payment_id, amount, now = world.new_id(), command.total_cost, world.now
    if world.terms.gateway is not None:
        method = "" if command.payment_method is UNSET else command.payment_method
        order = Order(world.terms.gateway, method, command.capture)
        through_gateway.request_payment(booking, payment_id, amount, order, world.capture_before, now)
    elif command.capture is Capture.MANUAL:
        booking.authorise(payment_id, amount, world.capture_before, now)
    else:
        booking.pay(payment_id, amount, now)
    return booking


def capture_payment(command: CapturePayment, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    booking.require_version(asked.expected_version)
    if _is_with_gateway(booking):
        has_seats = booking.is_late(world.now) and _has_seats(booking, world)
        through_gateway.request_capture(booking, has_seats, world.capture_before, world.now)
    elif booking.is_late(world.now):
        booking.capture_late(_has_seats(booking, world), world.new_id(), world.now)
    else:
        booking.capture(world.now)
    return booking


def _is_with_gateway(booking: Booking) -> bool:
    return booking.payment is not None and booking.payment.gateway is not None


def _has_seats(booking: Booking, world: WorkingSet) -> bool:
    """Could the booking sit on its flight? One whose hold nobody has tidied away still has its seats."""
    flight = world.flights[booking.flight_id]
    counted = booking.seats if booking.status is not Status.CANCELLED else 0
    free = world.seats[flight.id].free + counted
    return flight.status(world.now) is FlightStatus.SCHEDULED and booking.seats <= free


def void_payment(command: VoidPayment, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    booking.require_version(asked.expected_version)
    if _is_with_gateway(booking):
        through_gateway.request_void(booking, command.reason, world.now)
    else:
        booking.void(command.reason, world.now)
    return booking


def record_payment(command: RecordPayment, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    told = Told(command.outcome, command.reference, command.code)
    late = LateTerms(_has_seats(booking, world), world.new_id(), world.capture_before)
    through_gateway.record(booking, command.payment_id, told, late, world.now)
    return booking


def reduce_seats(command: ReduceSeats, asked: Asked, world: WorkingSet) -> Booking:
    booking = _own_booking(command, asked, world)
    booking.require_version(asked.expected_version)
    booking.reduce_seats(command.seats, world.new_id(), world.now)
    return booking


def cancel_booking(command: CancelBooking, asked: Asked, world: WorkingSet) -> Booking:
    booking = _own_booking(command, asked, world)
    booking.require_version(asked.expected_version)
    booking.cancel(CancelReason.REQUESTED, command.reason, world.new_id(), world.now)
    return booking


def cancel_with_flight(command: CancelWithFlight, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    booking.cancel(CancelReason.FLIGHT_CANCELLED, None, world.new_id(), world.now)
    return booking


def settle_refund(command: SettleRefund, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking_of_refund(command.refund_id)
    through = booking.refunds[command.refund_id].gateway is not None
    if not (not through if command.by_hand is UNSET else command.by_hand):
        through_gateway.request_refund(booking, command.refund_id, world.now)
    else:
        booking.settle_refund(command.refund_id, command.reference, world.now)
    return booking


def record_refund(command: RecordRefund, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking_of_refund(command.refund_id)
    through_gateway.record_refund(booking, command.refund_id, command.reference, command.code, world.now)
    return booking


def expire_hold(command: ExpireHold, asked: Asked, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    booking.expire(world.now)
    return booking


def _own_booking(
    command: PayBooking | CancelBooking | ReduceSeats, asked: Asked, world: WorkingSet
) -> Booking:
    """Somebody else's booking is answered exactly like an unknown one."""
    booking = world.booking(command.booking_id)
    if not asked.caller.may_act_for(booking.user_id):
        raise BookingNotFound(booking_id=command.booking_id)
    return booking


Handler = Callable[[Any, Asked, WorkingSet], Subject]

HANDLERS: dict[type[Command], Handler] = {
    ScheduleFlight: schedule_flight,
    RepriceFlight: reprice_flight,
    ChangeFlightSeats: change_flight_seats,
    CancelFlight: cancel_flight,
    InitiateBooking: initiate_booking,
    PayBooking: pay_booking,
    CapturePayment: capture_payment,
    VoidPayment: void_payment,
    ReduceSeats: reduce_seats,
    CancelBooking: cancel_booking,
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
}


def operation(command: Command) -> str:
    """The stored name of what a command does; scopes its idempotency key."""
    return HANDLERS[type(command)].__name__
