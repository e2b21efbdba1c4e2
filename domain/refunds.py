"""Refunds: money that has to go back, and whether it has."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from domain.money import Money


class RefundReason(Enum):
    BOOKING_CANCELLED = "booking_cancelled"
    FLIGHT_CANCELLED = "flight_cancelled"
    SEATS_REDUCED = "seats_reduced"
    LATE_PAYMENT = "late_payment"


class RefundStatus(Enum):
    DUE = "due"
    SETTLED = "settled"


class Refund(msgspec.Struct, frozen=True):
    """`amount` of one payment, owed since `due_at`; `reference` is what the payer of the refund calls it."""

    id: UUID
    payment_id: UUID
    amount: Money
    reason: RefundReason
    due_at: datetime
    settled_at: datetime | None = None
    reference: str | None = None

    @property
    def is_due(self) -> bool:
        return self.settled_at is None

    @property
    def status(self) -> RefundStatus:
        return RefundStatus.DUE if self.is_due else RefundStatus.SETTLED

    def settled(self, at: datetime, reference: str | None) -> "Refund":
        return msgspec.structs.replace(self, settled_at=at, reference=reference)
