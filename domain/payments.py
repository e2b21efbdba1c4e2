"""Payments of bookings and their statuses."""

from datetime import datetime
from enum import Enum
from typing import Self
from uuid import UUID

import msgspec

from domain.money import Money


class Capture(Enum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


class PaymentStatus(Enum):
    """Status of a payment.

    `pending`: authorised, not captured. `lapsed`: the booking ended before the capture. `requested`,
    `capturing`, `voiding`: the gateway has the request, and its answer is not recorded yet.
    """

    REQUESTED = "requested"
    PENDING = "pending"
    CAPTURING = "capturing"
    VOIDING = "voiding"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    LAPSED = "lapsed"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


IN_PROGRESS = frozenset(
    {PaymentStatus.REQUESTED, PaymentStatus.PENDING, PaymentStatus.CAPTURING, PaymentStatus.VOIDING}
)
"""Statuses of a payment that is not final."""


class GatewayTask(Enum):
    """Next request to the gateway."""

    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"


_TASKS = {
    PaymentStatus.REQUESTED: GatewayTask.AUTHORISE,
    PaymentStatus.CAPTURING: GatewayTask.CAPTURE,
    PaymentStatus.VOIDING: GatewayTask.VOID,
    PaymentStatus.LAPSED: GatewayTask.VOID,
}


class PaymentOutcome(Enum):
    """Outcome of a payment that a gateway reports."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    RELEASED = "released"
    DECLINED = "declined"


class Payment(msgspec.Struct, frozen=True):
    """One payment of one booking.

    `gateway` is None when the caller vouches for the payment. `method` is the gateway's token of the means of
    payment, `reference` its name for an authorised payment, `reason` why the payment was declined or voided.
    At `capture_before` the booking loses its seats; None means never.
    """

    id: UUID
    amount: Money
    capture: Capture
    capture_before: datetime | None
    status: PaymentStatus
    gateway: str | None = None
    method: str | None = None
    reference: str | None = None
    reason: str | None = None

    @property
    def in_progress(self) -> bool:
        return self.status in IN_PROGRESS

    @property
    def task(self) -> GatewayTask | None:
        """Next request to the gateway; None for a final payment and for one without a gateway."""
        return None if self.gateway is None else _TASKS.get(self.status)

    @property
    def status_after_authorisation(self) -> PaymentStatus:
        """Status after the authorisation: capturing if the gateway captures at once, or else pending."""
        automatic = self.gateway is not None and self.capture is Capture.AUTOMATIC
        return PaymentStatus.CAPTURING if automatic else PaymentStatus.PENDING

    def with_amount(self, amount: Money) -> Self:
        return msgspec.structs.replace(self, amount=amount)

    def with_status(self, status: PaymentStatus) -> Self:
        """Return the payment with another status; a final payment has no `capture_before`."""
        before = self.capture_before if status in IN_PROGRESS else None
        return msgspec.structs.replace(self, status=status, capture_before=before)
