"""Handlers of commands about payments and refunds; listed in `domain.handlers.HANDLERS`."""

from msgspec import UNSET

from domain import gateway_payments
from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.caller import CommandContext
from domain.commands.payments import (
    CapturePayment,
    PayBooking,
    RecordPayment,
    RecordRefund,
    SettleRefund,
    VoidPayment,
)
from domain.flight import FlightStatus
from domain.gateway_payments import LateTerms, PaymentReport, PaymentRequest
from domain.payments import Capture
from domain.refusals.bookings import BookingNotFound
from domain.refusals.flights import FlightDeparted
from domain.working_set import WorkingSet


def pay_booking(command: PayBooking, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.own_booking(command.booking_id, context.caller)
    if booking.user_id != command.user_id:
        raise BookingNotFound(booking_id=command.booking_id)
    context.require_version(booking)
    booking.require_alone()
    require_not_departed(booking, working_set)
    payment_id, amount, now = working_set.new_id(), command.total_cost, working_set.now
    capture_before = working_set.capture_before(booking)
    if working_set.terms.gateway is not None:
        method = "" if command.payment_method is UNSET else command.payment_method
        request = PaymentRequest(working_set.terms.gateway, method, command.capture)
        gateway_payments.request_payment(booking, payment_id, amount, request, capture_before, now)
    elif command.capture is Capture.MANUAL:
        booking.authorise(payment_id, amount, capture_before, now)
    else:
        booking.pay(payment_id, amount, now)
    return booking


def capture_payment(command: CapturePayment, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking(command.booking_id)
    context.require_version(booking)
    booking.require_alone()
    is_late = booking.is_late(working_set.now) or lost_its_flight(booking, working_set)
    if _is_with_gateway(booking):
        require_not_departed(booking, working_set)
        has_seats = is_late and _has_seats(booking, working_set)
        before = working_set.capture_before(booking)
        gateway_payments.request_capture(booking, has_seats, before, working_set.now)
    elif is_late:
        booking.capture_late(_has_seats(booking, working_set), working_set.new_id(), working_set.now)
    else:
        booking.capture(working_set.now)
    return booking


def void_payment(command: VoidPayment, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking(command.booking_id)
    context.require_version(booking)
    booking.require_alone()
    if _is_with_gateway(booking):
        gateway_payments.request_void(booking, command.reason, working_set.now)
    else:
        booking.void(command.reason, working_set.now)
    return booking


def record_payment(command: RecordPayment, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking(command.booking_id)
    report = PaymentReport(command.outcome, command.reference, command.code)
    late = LateTerms(
        _has_seats(booking, working_set),
        working_set.new_id(),
        working_set.capture_before(booking),
        lost_its_flight(booking, working_set),
    )
    gateway_payments.record(booking, command.payment_id, report, late, working_set.now)
    return booking


def settle_refund(command: SettleRefund, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking_of_refund(command.refund_id)
    by_hand = command.by_hand
    if by_hand is UNSET:
        by_hand = booking.refunds[command.refund_id].gateway is None
    if by_hand:
        booking.settle_refund(command.refund_id, command.reference, working_set.now)
    else:
        gateway_payments.request_refund(booking, command.refund_id, working_set.now)
    return booking


def record_refund(command: RecordRefund, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking_of_refund(command.refund_id)
    gateway_payments.record_refund(
        booking, command.refund_id, command.reference, command.code, working_set.now
    )
    return booking


def require_not_departed(booking: Booking, working_set: WorkingSet) -> None:
    """Raises FlightDeparted for a booking that could still be paid for, if only its flight were there."""
    ended = booking.cancel_reason not in (None, CancelReason.HOLD_EXPIRED)
    if booking.status is not Status.BOOKED and not ended and working_set.has_departed(booking.flight_id):
        raise FlightDeparted(flight_id=booking.flight_id)


def lost_its_flight(booking: Booking, working_set: WorkingSet) -> bool:
    """Return whether an authorised payment is left behind by its flight."""
    return booking.status is Status.PENDING and working_set.has_departed(booking.flight_id)


def _is_with_gateway(booking: Booking) -> bool:
    return booking.payment is not None and booking.payment.gateway is not None


def _has_seats(booking: Booking, working_set: WorkingSet) -> bool:
    """Return whether the flight has seats for the booking; seats that it still holds count as available."""
    flight = working_set.flights[booking.flight_id]
    counted = booking.seats if booking.status is not Status.CANCELLED else 0
    free = working_set.seats[flight.id].free + counted
    return flight.status(working_set.now) is FlightStatus.SCHEDULED and booking.seats <= free
