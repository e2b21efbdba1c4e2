"""Outcomes of commands that go through a gateway, read from the booking or itinerary in its settled state."""

from typing import Any

from domain.booking import Booking
from domain.booking_state import CancelReason
from domain.commands.itineraries import CaptureItinerary, PayItinerary, VoidItinerary
from domain.commands.payments import CapturePayment, PayBooking, SettleRefund, VoidPayment
from domain.itinerary import Itinerary
from domain.payments import PaymentStatus
from domain.refunds import RefundStatus
from domain.refusals.base import Refusal
from domain.refusals.bookings import BookingCancelled, HoldExpired
from domain.refusals.payments import AlreadyPaid, PaymentDeclined, PaymentNotPending
from domain.refusals.refunds import RefundRefused

GatewayCommand = (
    PayBooking | CapturePayment | VoidPayment | SettleRefund | PayItinerary | CaptureItinerary | VoidItinerary
)
Payable = Booking | Itinerary
"""What one payment is for."""


def is_settled(command: GatewayCommand, booking: Payable) -> bool:
    """Return whether the command needs nothing more from the gateway."""
    if isinstance(command, SettleRefund):
        assert isinstance(booking, Booking)
        return booking.refunds[command.refund_id].status is not RefundStatus.REQUESTED
    return booking.payment is None or booking.payment.task is None


def command_outcome(command: GatewayCommand, booking: Payable) -> Payable | Refusal:
    """Return the booking or itinerary, or the refusal if the command failed in the end."""
    match command:
        case PayBooking() | PayItinerary():
            return _paid(booking)
        case CapturePayment() | CaptureItinerary():
            return _captured(booking)
        case VoidPayment() | VoidItinerary():
            return _voided(booking)
        case SettleRefund(refund_id=refund_id):
            assert isinstance(booking, Booking)
            refund = booking.refunds[refund_id]
            if refund.is_owed:
                return RefundRefused(refund_id=refund_id, reason=refund.refusal)
            return booking


def _paid(booking: Payable) -> Payable | Refusal:
    payment = booking.current_payment
    if payment.status in (PaymentStatus.CAPTURED, PaymentStatus.PENDING):
        return booking
    if payment.status is PaymentStatus.DECLINED:
        return PaymentDeclined(**_id_of(booking), payment_id=payment.id, reason=payment.reason)
    return _cancellation(booking) or PaymentDeclined(
        **_id_of(booking), payment_id=payment.id, reason=payment.reason
    )


def _captured(booking: Payable) -> Payable | Refusal:
    if booking.current_payment.status in (PaymentStatus.CAPTURED, PaymentStatus.REFUND_DUE):
        return booking
    return _cancellation(booking) or PaymentNotPending(
        "The gateway had released the payment.", **_id_of(booking)
    )


def _voided(booking: Payable) -> Payable | Refusal:
    if booking.current_payment.status is PaymentStatus.VOIDED:
        return booking
    return _cancellation(booking) or AlreadyPaid(**_id_of(booking), payment_id=booking.current_payment.id)


def _cancellation(booking: Payable) -> Refusal | None:
    """Return the reason of a cancelled booking as a refusal."""
    if booking.cancel_reason is CancelReason.HOLD_EXPIRED:
        return HoldExpired(**_id_of(booking), expired_at=booking.expires_at)
    if booking.cancel_reason is not None:
        return BookingCancelled(**_id_of(booking), reason=booking.cancel_reason)
    return None


def _id_of(booking: Payable) -> dict[str, Any]:
    return {"itinerary_id" if isinstance(booking, Itinerary) else "booking_id": booking.id}
