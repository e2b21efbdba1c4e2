"""Payments through a gateway: the log records each request before it is sent, then the gateway's answer."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.booking_state import Status
from domain.money import Money
from domain.payments import Capture, Payment, PaymentOutcome, PaymentStatus
from domain.refunds import RefundStatus
from domain.refusals.bookings import BookingCancelled
from domain.refusals.payments import PaymentInProgress, PaymentNotPending, TooManyPayments
from domain.refusals.refunds import RefundAlreadySettled, RefundNotThroughGateway, RefundRefused

DECLINED_MAX = 10
"""Maximum number of declined payments of one booking. Each attempt adds events to the booking's stream, which
every block that touches it reads; without a limit, card testers could make it grow endlessly."""

RELEASED_BY_GATEWAY = "released by the gateway"


class PaymentRequest(NamedTuple):
    """The gateway, its token of the means of payment, and the kind of capture."""

    gateway: str
    method: str
    capture: Capture


def request_payment(
    booking: Booking,
    payment_id: UUID,
    amount: Money,
    request: PaymentRequest,
    capture_before: datetime,
    now: datetime,
) -> None:
    """Record that a payment is requested from the gateway.

    The seats stay held until `capture_before`. Raises as `Booking.pay` does, and TooManyPayments.
    """
    booking.require_payable(amount, now)
    if booking.declined_payments >= DECLINED_MAX:
        raise TooManyPayments(booking_id=booking.id, declined=booking.declined_payments)
    booking.trigger_event(
        Booking.PaymentRequested,
        payment_id=payment_id,
        amount=booking.total_cost.whole,
        capture=request.capture,
        capture_before=capture_before,
        gateway=request.gateway,
        method=request.method,
        timestamp=now,
    )


def request_capture(booking: Booking, has_seats: bool, capture_before: datetime, now: datetime) -> None:
    """Record that the capture is requested. After the hold expired, this needs available seats.

    Raises BookingCancelled, AlreadyPaid, PaymentNotPending, PaymentInProgress.
    """
    payment = booking.payment
    waits = payment is not None and payment.status in (PaymentStatus.PENDING, PaymentStatus.LAPSED)
    if payment and payment.reference and waits and booking.is_late(now):
        lapsed = booking.status is Status.PENDING or booking.may_be_seated_again
        if not (lapsed and has_seats):
            raise BookingCancelled(booking_id=booking.id, reason=booking.cancel_reason)
        booking.expire_if_due(now)
        _seat_again(booking, capture_before, now)
    else:
        payment = _require_authorised(booking)
    before = max(capture_before, booking.current_payment.capture_before or capture_before)
    booking.trigger_event(
        Booking.CaptureRequested, payment_id=payment.id, capture_before=before, timestamp=now
    )


def request_void(booking: Booking, reason: str, now: datetime) -> None:
    """Record that the void is requested. Raises as `request_capture` does."""
    payment = _require_authorised(booking)
    booking.trigger_event(Booking.VoidRequested, payment_id=payment.id, reason=reason, timestamp=now)


class PaymentReport(NamedTuple):
    """A gateway's report: the outcome, the gateway's name of the payment, and the reason of a decline."""

    outcome: PaymentOutcome
    reference: str | None
    code: str | None


class LateTerms(NamedTuple):
    """Facts for a payment that comes after the hold expired or the flight departed."""

    has_seats: bool
    refund_id: UUID
    capture_before: datetime
    has_departed: bool


def record(booking: Booking, payment_id: UUID, report: PaymentReport, late: LateTerms, now: datetime) -> None:
    """Record a gateway's report. Raises PaymentNotPending for a final payment or a repeated report."""
    payment = booking.payment
    open_ = payment is not None and (payment.in_progress or payment.status is PaymentStatus.LAPSED)
    if payment is None or payment.id != payment_id or not open_:
        raise PaymentNotPending(booking_id=booking.id)
    match report.outcome:
        case PaymentOutcome.AUTHORISED:
            _require_unauthorised(booking, payment)
            _authorise(booking, report, now)
            _seat_late(booking, late, now)
        case PaymentOutcome.DECLINED:
            _require_unauthorised(booking, payment)
            code = report.code or "declined"
            booking.trigger_event(Booking.PaymentDeclined, payment_id=payment_id, code=code, timestamp=now)
            booking.expire_if_due(now)
        case PaymentOutcome.CAPTURED:
            if payment.reference is None:
                _authorise(booking, report, now)
            if booking.is_late(now) or late.has_departed:
                booking.capture_late(late.has_seats, late.refund_id, now)
            else:
                booking.trigger_event(Booking.Booked, payment_id=payment_id, timestamp=now)
        case PaymentOutcome.RELEASED if payment.status is PaymentStatus.LAPSED:
            booking.release(now)
        case PaymentOutcome.RELEASED:
            booking.void(payment.reason or RELEASED_BY_GATEWAY, now)


def request_refund(booking: Booking, refund_id: UUID, now: datetime) -> None:
    """Record that the refund is requested from the gateway.

    Raises RefundAlreadySettled, RefundInProgress, RefundRefused, RefundNotThroughGateway.
    """
    refund = booking.require_due(refund_id)
    if refund.refusal is not None:
        raise RefundRefused(refund_id=refund_id, reason=refund.refusal)
    if refund.gateway is None:
        raise RefundNotThroughGateway(refund_id=refund_id)
    booking.trigger_event(Booking.RefundRequested, refund_id=refund_id, timestamp=now)


def record_refund(
    booking: Booking, refund_id: UUID, reference: str | None, code: str | None, now: datetime
) -> None:
    """Record that the gateway paid the refund, or refused it with a code. Raises RefundAlreadySettled."""
    refund = booking.refunds[refund_id]
    if refund.status is not RefundStatus.REQUESTED:
        raise RefundAlreadySettled(refund_id=refund_id, settled_at=refund.settled_at)
    if code is None:
        booking.trigger_event(Booking.RefundSettled, refund_id=refund_id, reference=reference, timestamp=now)
    else:
        booking.trigger_event(Booking.RefundRefused, refund_id=refund_id, code=code, timestamp=now)


def _authorise(booking: Booking, report: PaymentReport, now: datetime) -> None:
    booking.trigger_event(
        Booking.PaymentAuthorised,
        payment_id=booking.current_payment.id,
        reference=report.reference,
        timestamp=now,
    )


def _seat_late(booking: Booking, late: LateTerms, now: datetime) -> None:
    """Expire a due hold; hold the seats again if available. Otherwise the payment lapses and is voided."""
    if booking.hold_is_due(now) or late.has_departed:
        booking.end_hold(now)
    if late.has_seats and booking.may_be_seated_again:
        _seat_again(booking, late.capture_before, now)


def _seat_again(booking: Booking, capture_before: datetime, now: datetime) -> None:
    booking.trigger_event(
        Booking.Reseated, payment_id=booking.current_payment.id, capture_before=capture_before, timestamp=now
    )


def _require_unauthorised(booking: Booking, payment: Payment) -> None:
    if payment.reference is not None:
        raise PaymentNotPending(booking_id=booking.id)


def _require_authorised(booking: Booking) -> Payment:
    """Return the payment if it can be captured or voided now."""
    payment = booking.require_pending()
    if payment.status is not PaymentStatus.PENDING:
        raise PaymentInProgress(booking_id=booking.id, payment_id=payment.id)
    return payment
