"""Payments: money on its way to us, and how far it has come."""

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
    """`pending`: authorised, and nobody has captured it. `lapsed`: the booking ended before anybody did.

    `requested`, `capturing`, `voiding`: a gateway was asked, and its answer is not recorded yet.
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
"""The booking waits for what becomes of the payment."""


class GatewayTask(Enum):
    """What is still to be done at the gateway."""

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
    """What a gateway says became of a payment."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    RELEASED = "released"
    DECLINED = "declined"


class Payment(msgspec.Struct, frozen=True):
    """One payment of one booking.

    `gateway` is who moves the money, None when the caller vouches for it; `method` is the gateway's token for
    what pays, `reference` its name for the payment once it is authorised, `reason` why it was declined or is
    being voided. `capture_before` is when the clock takes the booking's seats back; None when it does not.
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
        """What is to be done at the gateway; None when the payment is at rest, or no gateway has it."""
        return None if self.gateway is None else _TASKS.get(self.status)

    @property
    def status_after_authorisation(self) -> PaymentStatus:
        """What follows at once, where a gateway captures by itself; else somebody has to."""
        automatic = self.gateway is not None and self.capture is Capture.AUTOMATIC
        return PaymentStatus.CAPTURING if automatic else PaymentStatus.PENDING

    def with_status(self, status: PaymentStatus) -> Self:
        """The same payment, so far along; one that waits for nobody has no `capture_before`."""
        before = self.capture_before if status in IN_PROGRESS else None
        return msgspec.structs.replace(self, status=status, capture_before=before)
