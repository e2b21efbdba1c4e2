"""Outcomes of commands that go through a gateway, read from the booking in its settled state."""

from domain.booking import Booking, CancelReason
from domain.commands import CapturePayment, PayBooking, SettleRefund, VoidPayment
from domain.payments import PaymentStatus
from domain.refunds import RefundStatus
from domain.refusals import (
    AlreadyPaid,
    BookingCancelled,
    HoldExpired,
    PaymentDeclined,
    PaymentNotPending,
    RefundRefused,
    Refusal,
)

GatewayCommand = PayBooking | CapturePayment | VoidPayment | SettleRefund


def is_settled(command: GatewayCommand, booking: Booking) -> bool:
    """Return whether the command needs nothing more from the gateway."""
    if isinstance(command, SettleRefund):
        return booking.refunds[command.refund_id].status is not RefundStatus.REQUESTED
    return booking.payment is None or booking.payment.task is None


def command_outcome(command: GatewayCommand, booking: Booking) -> Booking | Refusal:
    """Return the booking, or the refusal if the command failed in the end."""
    match command:
        case PayBooking():
            return _paid(booking)
        case CapturePayment():
            return _captured(booking)
        case VoidPayment():
            return _voided(booking)
        case SettleRefund(refund_id=refund_id):
            refund = booking.refunds[refund_id]
            if refund.is_owed:
                return RefundRefused(refund_id=refund_id, reason=refund.refusal)
            return booking


def _paid(booking: Booking) -> Booking | Refusal:
    payment = booking.current_payment
    if payment.status in (PaymentStatus.CAPTURED, PaymentStatus.PENDING):
        return booking
    if payment.status is PaymentStatus.DECLINED:
        return PaymentDeclined(booking_id=booking.id, payment_id=payment.id, reason=payment.reason)
    return _cancellation(booking) or PaymentDeclined(
        booking_id=booking.id, payment_id=payment.id, reason=payment.reason
    )


def _captured(booking: Booking) -> Booking | Refusal:
    if booking.current_payment.status in (PaymentStatus.CAPTURED, PaymentStatus.REFUND_DUE):
        return booking
    return _cancellation(booking) or PaymentNotPending(
        "The gateway had released the payment.", booking_id=booking.id
    )


def _voided(booking: Booking) -> Booking | Refusal:
    if booking.current_payment.status is PaymentStatus.VOIDED:
        return booking
    return _cancellation(booking) or AlreadyPaid(booking_id=booking.id, payment_id=booking.current_payment.id)


def _cancellation(booking: Booking) -> Refusal | None:
    """Return the reason of a cancelled booking as a refusal."""
    if booking.cancel_reason is CancelReason.HOLD_EXPIRED:
        return HoldExpired(booking_id=booking.id, expired_at=booking.expires_at)
    if booking.cancel_reason is not None:
        return BookingCancelled(booking_id=booking.id, reason=booking.cancel_reason)
    return None
