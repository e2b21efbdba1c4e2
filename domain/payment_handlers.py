"""What the commands that move money do; rows of `domain.handlers.HANDLERS`."""

from msgspec import UNSET

from domain import gateway_payments
from domain.booking import Booking, Status
from domain.caller import CommandContext
from domain.commands import (
    CapturePayment,
    PayBooking,
    RecordPayment,
    RecordRefund,
    SettleRefund,
    VoidPayment,
)
from domain.flight import FlightStatus
from domain.gateway_payments import LateTerms, Order, Told
from domain.payments import Capture
from domain.refusals import BookingNotFound
from domain.working_set import WorkingSet


def pay_booking(command: PayBooking, asked: CommandContext, world: WorkingSet) -> Booking:
    booking = world.own_booking(command.booking_id, asked.caller)
    if booking.user_id != command.user_id:
        raise BookingNotFound(booking_id=command.booking_id)
    asked.require_version(booking)
    payment_id, amount, now = world.new_id(), command.total_cost, world.now
    if world.terms.gateway is not None:
        method = "" if command.payment_method is UNSET else command.payment_method
        order = Order(world.terms.gateway, method, command.capture)
        gateway_payments.request_payment(booking, payment_id, amount, order, world.capture_before, now)
    elif command.capture is Capture.MANUAL:
        booking.authorise(payment_id, amount, world.capture_before, now)
    else:
        booking.pay(payment_id, amount, now)
    return booking


def capture_payment(command: CapturePayment, asked: CommandContext, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    asked.require_version(booking)
    if _is_with_gateway(booking):
        has_seats = booking.is_late(world.now) and _has_seats(booking, world)
        gateway_payments.request_capture(booking, has_seats, world.capture_before, world.now)
    elif booking.is_late(world.now):
        booking.capture_late(_has_seats(booking, world), world.new_id(), world.now)
    else:
        booking.capture(world.now)
    return booking


def void_payment(command: VoidPayment, asked: CommandContext, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    asked.require_version(booking)
    if _is_with_gateway(booking):
        gateway_payments.request_void(booking, command.reason, world.now)
    else:
        booking.void(command.reason, world.now)
    return booking


def record_payment(command: RecordPayment, asked: CommandContext, world: WorkingSet) -> Booking:
    booking = world.booking(command.booking_id)
    told = Told(command.outcome, command.reference, command.code)
    late = LateTerms(_has_seats(booking, world), world.new_id(), world.capture_before)
    gateway_payments.record(booking, command.payment_id, told, late, world.now)
    return booking


def settle_refund(command: SettleRefund, asked: CommandContext, world: WorkingSet) -> Booking:
    booking = world.booking_of_refund(command.refund_id)
    through = booking.refunds[command.refund_id].gateway is not None
    if not (not through if command.by_hand is UNSET else command.by_hand):
        gateway_payments.request_refund(booking, command.refund_id, world.now)
    else:
        booking.settle_refund(command.refund_id, command.reference, world.now)
    return booking


def record_refund(command: RecordRefund, asked: CommandContext, world: WorkingSet) -> Booking:
    booking = world.booking_of_refund(command.refund_id)
    gateway_payments.record_refund(booking, command.refund_id, command.reference, command.code, world.now)
    return booking


def _is_with_gateway(booking: Booking) -> bool:
    return booking.payment is not None and booking.payment.gateway is not None


def _has_seats(booking: Booking, world: WorkingSet) -> bool:
    """Could the booking sit on its flight? One whose hold nobody has tidied away still has its seats."""
    flight = world.flights[booking.flight_id]
    counted = booking.seats if booking.status is not Status.CANCELLED else 0
    free = world.seats[flight.id].free + counted
    return flight.status(world.now) is FlightStatus.SCHEDULED and booking.seats <= free
