"""Payment gateways: a narrow protocol for moving money. Doors call it, never a block.

Every call carries the ledger's own payment or refund id and may be repeated: the gateway acts once.
"""

from enum import Enum
from typing import Protocol
from uuid import UUID

import msgspec

from domain.money import Money


class ChargeStatus(Enum):
    """State of a charge. A released charge was authorised, then voided, expired or reversed by the bank."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    RELEASED = "released"
    DECLINED = "declined"


class Order(msgspec.Struct, frozen=True):
    """A payment to authorise. `method` is the gateway's token for the card or other means of payment."""

    payment_id: UUID
    booking_id: UUID
    amount: Money
    method: str


class Charge(msgspec.Struct, frozen=True):
    """A charge as the gateway reports it. `reference` is the gateway's id, `code` the reason of a decline."""

    reference: str
    status: ChargeStatus
    code: str | None = None


class GatewayRefund(msgspec.Struct, frozen=True):
    """A refund as the gateway reports it. `code` is the reason why it will never be paid, else None."""

    reference: str
    done: bool
    code: str | None = None


class GatewayInDoubt(Exception):
    """The gateway failed or did not answer. The outcome of the call is unknown; repeat it."""


class GatewayRefused(Exception):
    """The gateway understood the call and will never do it. `code` is the gateway's reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """All methods raise GatewayInDoubt; every call is bounded in time."""

    name: str
    """The name that events record."""

    async def find(self, payment_id: UUID) -> list[Charge]:
        """Return all charges of this payment, oldest first. A charge of the last minute may be missing."""

    async def authorise(self, order: Order) -> Charge:
        """Return an authorised or declined charge; a repeat returns the same one. Raises GatewayRefused."""

    async def capture(self, payment_id: UUID, reference: str) -> Charge:
        """Take the authorised money and return the charge, which may have been captured or released before.

        Raises GatewayRefused.
        """

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        """Release the authorised money and return the charge, or the captured one. Raises GatewayRefused."""

    async def refund(self, refund_id: UUID, reference: str, amount: Money) -> GatewayRefund:
        """Pay back part of a charge; a repeat returns the same refund. Raises GatewayRefused."""

    async def find_refund(self, refund_id: UUID, reference: str) -> GatewayRefund | None:
        """Return the refund of this charge with the ledger's refund id, if there is one."""

    async def close(self) -> None:
        """Close all connections."""
