"""The events of a booking's payments and refunds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from domain.booking_state import BookingState, Status
from domain.money import Money
from domain.payments import Capture, Payment, PaymentStatus
from domain.personal import PersonalText
from domain.refunds import Refund, RefundReason


class PaymentEvents:
    """The part of a booking's record that is about money."""

    class PaymentPending(BookingState.Event):
        TOPIC = "booking.payment_pending"
        payment_id: UUID
        amount: Money
        capture: Capture
        capture_before: datetime | None = None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.PENDING
            aggregate.payment = Payment(
                self.payment_id, self.amount, self.capture, self.capture_before, PaymentStatus.PENDING
            )

    class PaymentRequested(BookingState.Event):
        """Recorded before the request is sent, so that the log knows every charge at the gateway."""

        TOPIC = "booking.payment_requested"
        payment_id: UUID
        amount: Money
        capture: Capture
        capture_before: datetime
        gateway: str
        method: str

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.PENDING
            aggregate.payment = Payment(
                self.payment_id,
                self.amount,
                self.capture,
                self.capture_before,
                PaymentStatus.REQUESTED,
                self.gateway,
                self.method,
            )

    class PaymentAuthorised(BookingState.Event):
        TOPIC = "booking.payment_authorised"
        payment_id: UUID
        reference: str

        def apply(self, aggregate: BookingState) -> None:
            payment = msgspec.structs.replace(aggregate.current_payment, reference=self.reference)
            aggregate.payment = (
                payment.with_status(payment.status_after_authorisation) if payment.in_progress else payment
            )

    class PaymentDeclined(BookingState.Event):
        TOPIC = "booking.payment_declined"
        payment_id: UUID
        code: str

        def apply(self, aggregate: BookingState) -> None:
            declined = aggregate.current_payment.with_status(PaymentStatus.DECLINED)
            aggregate.payment = msgspec.structs.replace(declined, reason=self.code)
            aggregate.declined_payments += 1
            if aggregate.status is Status.PENDING:
                aggregate.status = Status.INITIATED

    class CaptureRequested(BookingState.Event):
        TOPIC = "booking.capture_requested"
        payment_id: UUID
        capture_before: datetime

        def apply(self, aggregate: BookingState) -> None:
            capturing = aggregate.current_payment.with_status(PaymentStatus.CAPTURING)
            aggregate.payment = msgspec.structs.replace(capturing, capture_before=self.capture_before)

    class Booked(BookingState.Event):
        TOPIC = "booking.booked"
        payment_id: UUID

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.CAPTURED)

    class VoidRequested(BookingState.Event):
        TOPIC = "booking.void_requested"
        payment_id: UUID
        reason: PersonalText

        def apply(self, aggregate: BookingState) -> None:
            voiding = aggregate.current_payment.with_status(PaymentStatus.VOIDING)
            aggregate.payment = msgspec.structs.replace(voiding, reason=self.reason)

    class PaymentVoided(BookingState.Event):
        TOPIC = "booking.payment_voided"
        payment_id: UUID
        reason: PersonalText

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.INITIATED
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.VOIDED)

    class PaymentReleased(BookingState.Event):
        """The gateway released the authorisation of a booking that ended before the capture."""

        TOPIC = "booking.payment_released"
        payment_id: UUID

        def apply(self, aggregate: BookingState) -> None:
            aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.VOIDED)

    class Reseated(BookingState.Event):
        """The seats are held again, because the payment arrived after the hold had expired."""

        TOPIC = "booking.reseated"
        payment_id: UUID
        capture_before: datetime | None = None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.PENDING
            aggregate.cancel_reason = None
            payment = aggregate.current_payment
            aggregate.payment = msgspec.structs.replace(
                payment, status=payment.status_after_authorisation, capture_before=self.capture_before
            )

    class PaymentShared(BookingState.Event):
        """The booking has a share in the captured payment of the booking that it was split from."""

        TOPIC = "booking.payment_shared"
        payment_id: UUID
        amount: Money
        capture: Capture
        gateway: str | None
        method: str | None
        reference: str | None

        def apply(self, aggregate: BookingState) -> None:
            aggregate.status = Status.BOOKED
            aggregate.payment = Payment(
                self.payment_id,
                self.amount,
                self.capture,
                None,
                PaymentStatus.CAPTURED,
                self.gateway,
                self.method,
                self.reference,
            )

    class RefundDue(BookingState.Event):
        """The first releases wrote no `reason` and no `refund_id`; the payment's id then names the refund."""

        TOPIC = "booking.refund_due"
        payment_id: UUID
        amount: Money
        refund_id: UUID | None = None
        reason: RefundReason = RefundReason.BOOKING_CANCELLED

        def apply(self, aggregate: BookingState) -> None:
            refund_id, payment = self.refund_id or self.payment_id, aggregate.current_payment
            by_hand = self.reason is RefundReason.COMPENSATION
            refund = Refund(
                refund_id,
                self.payment_id,
                self.amount,
                self.reason,
                self.timestamp,
                None if by_hand else payment.gateway,
                None if by_hand else payment.reference,
            )
            # A new dictionary, because rows of the views share the old one.
            aggregate.refunds = aggregate.refunds | {refund_id: refund}
            if aggregate.status is Status.CANCELLED:
                aggregate.payment = payment.with_status(PaymentStatus.REFUND_DUE)

    class RefundRequested(BookingState.Event):
        """Recorded before the request is sent, so that the refund is not settled by hand meanwhile."""

        TOPIC = "booking.refund_requested"
        refund_id: UUID

        def apply(self, aggregate: BookingState) -> None:
            requested = aggregate.refunds[self.refund_id].with_request(self.timestamp)
            aggregate.refunds = aggregate.refunds | {self.refund_id: requested}

    class RefundRefused(BookingState.Event):
        """The gateway refused the refund for good: it has to be settled by hand."""

        TOPIC = "booking.refund_refused"
        refund_id: UUID
        code: str

        def apply(self, aggregate: BookingState) -> None:
            refused = aggregate.refunds[self.refund_id].with_refusal(self.code)
            aggregate.refunds = aggregate.refunds | {self.refund_id: refused}

    class RefundSettled(BookingState.Event):
        TOPIC = "booking.refund_settled"
        refund_id: UUID
        reference: PersonalText | None

        def apply(self, aggregate: BookingState) -> None:
            settled = aggregate.refunds[self.refund_id].with_settlement(self.timestamp, self.reference)
            aggregate.refunds = aggregate.refunds | {self.refund_id: settled}
            owed = any(refund.is_owed for refund in aggregate.refunds.values())
            if aggregate.status is Status.CANCELLED and not owed:
                aggregate.payment = aggregate.current_payment.with_status(PaymentStatus.REFUNDED)
