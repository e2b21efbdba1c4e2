"""Payment gateways: a narrow protocol to whoever moves the money. Called by the doors, never inside a block.

Every call names our own payment or refund, and may be made again: a gateway does the thing once.
"""

from enum import Enum
from typing import Protocol
from uuid import UUID

import msgspec

from domain.money import Money


class ChargeStatus(Enum):
    """`released`: authorised once, and let go by us, by time or by the bank."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    RELEASED = "released"
    DECLINED = "declined"


class Order(msgspec.Struct, frozen=True):
    """A payment to be authorised. `method` is the gateway's token for the card, or whatever pays."""

    payment_id: UUID
    booking_id: UUID
    amount: Money
    method: str


class Charge(msgspec.Struct, frozen=True):
    """What a gateway knows of a payment: `reference` is its own name for it, `code` why it was declined."""

    reference: str
    status: ChargeStatus
    code: str | None = None


class GatewayRefund(msgspec.Struct, frozen=True):
    """What a gateway knows of a refund; `code` is why it never will be paid, None while it may."""

    reference: str
    done: bool
    code: str | None = None


class GatewayInDoubt(Exception):
    """The gateway failed or did not answer: what became of the call is unknown; call again."""


class GatewayRefused(Exception):
    """The gateway understood the call and will never do it; `code` says why, in its own words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """All methods raise GatewayInDoubt; every call is bounded in time."""

    name: str
    """As it stands in events."""

    async def find(self, payment_id: UUID) -> list[Charge]:
        """Every charge ever made for this payment, oldest first; one made a moment ago may be missing."""

    async def authorise(self, order: Order) -> Charge:
        """Authorised or declined; a repeat answers with the same charge. Raises GatewayRefused."""

    async def capture(self, payment_id: UUID, reference: str) -> Charge:
        """Take the authorised money. What the charge is then, if it could not be: captured before, released.

        Raises GatewayRefused.
        """

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        """Let the authorised money go. What the charge is then, if it could not be. Raises GatewayRefused."""

    async def refund(self, refund_id: UUID, reference: str, amount: Money) -> GatewayRefund:
        """Pay back part of a charge; a repeat answers with the same refund. Raises GatewayRefused."""

    async def find_refund(self, refund_id: UUID, reference: str) -> GatewayRefund | None:
        """The refund of that charge that was made under our id, if any."""

    async def close(self) -> None:
        """Give its connections back."""
