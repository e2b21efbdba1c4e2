"""Refunds: money owed to customers, and its settlement."""

from datetime import datetime
from enum import Enum
from typing import Self
from uuid import UUID

import msgspec

from domain.money import Money


class RefundReason(Enum):
    BOOKING_CANCELLED = "booking_cancelled"
    FLIGHT_CANCELLED = "flight_cancelled"
    SEATS_REDUCED = "seats_reduced"
    LATE_PAYMENT = "late_payment"
    DENIED_BOARDING = "denied_boarding"
    COMPENSATION = "compensation"
    """Owed beside what was paid, so it cannot go back through a gateway."""


class RefundStatus(Enum):
    DUE = "due"
    REQUESTED = "requested"
    SETTLED = "settled"


class Refund(msgspec.Struct, frozen=True):
    """An amount of one payment, owed since `due_at`. `reference` names the transfer that settled it.

    `gateway` took the payment under the name `charge`; None if the caller vouched for the payment. The refund
    was requested from the gateway at `requested_at`; `refusal` is the gateway's reason to refuse it.
    """

    id: UUID
    payment_id: UUID
    amount: Money
    reason: RefundReason
    due_at: datetime
    gateway: str | None = None
    charge: str | None = None
    requested_at: datetime | None = None
    refusal: str | None = None
    settled_at: datetime | None = None
    reference: str | None = None

    @property
    def is_owed(self) -> bool:
        return self.settled_at is None

    @property
    def status(self) -> RefundStatus:
        if not self.is_owed:
            return RefundStatus.SETTLED
        under_way = self.requested_at is not None and self.refusal is None
        return RefundStatus.REQUESTED if under_way else RefundStatus.DUE

    def with_request(self, at: datetime) -> Self:
        return msgspec.structs.replace(self, requested_at=at)

    def with_refusal(self, code: str) -> Self:
        return msgspec.structs.replace(self, refusal=code)

    def with_settlement(self, at: datetime, reference: str | None) -> Self:
        return msgspec.structs.replace(self, settled_at=at, reference=reference)
