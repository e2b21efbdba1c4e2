"""Reconstruct commands from the events that they caused."""

from typing import Any

from msgspec import UNSET

from analytics.what_if.demand import PastRequest
from domain.booking import Booking
from domain.commands.base import Command
from domain.commands.bookings import (
    AcceptChange,
    CancelBooking,
    DenyBoarding,
    ExpireHold,
    ReduceSeats,
    RefundAmount,
)
from domain.commands.payments import CapturePayment, PayBooking, RecordPayment, VoidPayment
from domain.payments import Capture, PaymentOutcome


def command_for(request: PastRequest, booking: Booking) -> Command | None:
    """Return the command that caused the events, for `booking`; None if the clock or a refund did."""
    first, events = request.events[0], request.events
    match request.operation:
        case "void_itinerary" if booking.payment and isinstance(first, Booking.PaymentReleased):
            return RecordPayment(booking.id, booking.payment.id, PaymentOutcome.RELEASED)
        case "pay_booking" | "pay_itinerary":
            return payment(booking, first.capture, getattr(first, "method", None))
        case "capture_payment" | "capture_itinerary":
            return CapturePayment(booking.id)
        case "void_payment" | "void_itinerary":
            return VoidPayment(booking.id, first.reason)
        case "record_payment" | "record_itinerary_payment" if booking.payment:
            reference = next((e.reference for e in events if isinstance(e, Booking.PaymentAuthorised)), None)
            code = next((e.code for e in events if isinstance(e, Booking.PaymentDeclined)), None)
            return RecordPayment(booking.id, booking.payment.id, _payment_outcome(events), reference, code)
        case "reduce_seats":
            return ReduceSeats(booking.id, first.seats)
        case "cancel_booking" | "cancel_itinerary":
            if first.refund is not None:
                return CancelBooking(booking.id, refund=RefundAmount(first.refund.amount))
            # After a departure the refund has to be stated. Without a policy all money went back.
            return CancelBooking(booking.id, refund=UNSET if booking.cancellation_policy else "full")
        case "accept_change":
            return AcceptChange(booking.id)
        case "deny_boarding":
            return DenyBoarding(booking.id, "")
        case "expire_hold":
            return ExpireHold(booking.id)
    return None


def lacked_seats_elsewhere(request: PastRequest, then: Booking | None) -> bool:
    """Return whether late money did not seat the booking again; `then` is the booking before the request.

    The bookings of an itinerary are seated together, so the seats may have lacked on another flight.
    """
    if request.operation not in ("capture_itinerary", "record_itinerary_payment") or then is None:
        return False
    expires = any(isinstance(event, Booking.Cancelled) for event in request.events)
    is_seated = any(isinstance(event, Booking.Reseated) for event in request.events)
    return (expires or then.may_be_seated_again) and not is_seated


def payment(booking: Booking, capture: Capture, method: str | None = None) -> PayBooking:
    method_field = {} if method is None else {"payment_method": method}
    return PayBooking(booking.id, booking.user_id, booking.total_cost, capture, **method_field)


def _payment_outcome(events: list[Any]) -> PaymentOutcome:
    """Return the gateway outcome that led to these events."""
    for event in events:
        if isinstance(event, Booking.PaymentDeclined):
            return PaymentOutcome.DECLINED
        if isinstance(event, Booking.Booked | Booking.RefundDue):
            return PaymentOutcome.CAPTURED
        if isinstance(event, Booking.PaymentVoided | Booking.PaymentReleased):
            return PaymentOutcome.RELEASED
    return PaymentOutcome.AUTHORISED
