"""Refusals about a refund."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.money import Money
from domain.refusals.base import NothingFound, Refusal, Sometimes

if TYPE_CHECKING:
    from domain.commands.bookings import RefundAmount


class RefundNotStated(Refusal):
    """The flight has departed, so the cancellation has to state the refund.

    Send `refund`: `full`, `none` or an amount up to `paid`.
    """

    booking_id: UUID
    paid: Money


class RefundTooLarge(Refusal):
    """The refund exceeds what was paid for the booking, or has another currency.

    State an amount up to `paid`, in its currency.
    """

    asked: "RefundAmount"
    paid: Money


class RefundNotFound(NothingFound):
    """There is no such refund.

    Check the id; `GET /api/v1/refunds` lists the refunds.
    """

    refund_id: Sometimes[UUID]


class RefundAlreadySettled(Refusal):
    """The refund is already settled.

    Read the list of refunds: there is nothing left to settle.
    """

    refund_id: UUID
    settled_at: datetime | None


class RefundInProgress(Refusal):
    """The refund is in progress, and the gateway has not answered yet.

    Wait for its answer, and read the list of refunds again.
    """

    refund_id: UUID
    requested_at: datetime | None


class RefundRefused(Refusal):
    """The gateway refused the refund.

    Settle it by hand, with the reference of that payment.
    """

    refund_id: UUID
    reason: str | None


class RefundNotThroughGateway(Refusal):
    """The payment did not come through a gateway.

    Settle the refund by hand, with its reference.
    """

    refund_id: UUID
