"""Money: an integer number of minor units and a currency."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from domain.currencies import KNOWN

AMOUNT_MAX = 2**53 - 1
"""Largest amount in minor units: JSON parsers read integers up to this exactly (RFC 8259, section 6)."""

if TYPE_CHECKING:
    KnownCode = str
else:
    KnownCode = Literal[tuple(sorted(KNOWN))]


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units (cents, paise) of an ISO 4217 currency.

    The marks of the fields are rules for input: only the decoder of a body checks them. Stored amounts are
    made without them, because a rule may be stricter today than on the day on which an amount was stored.
    """

    amount: Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX, description="Integer minor units")]
    currency: Annotated[KnownCode, msgspec.Meta(description="ISO 4217 code", examples=["INR"])]

    def times(self, count: int) -> "Money":
        """Return the amount times `count`. Raises ValueError above AMOUNT_MAX."""
        amount = self.amount * count
        if amount > AMOUNT_MAX:
            raise ValueError("The amount exceeds 2^53-1 minor units")
        return Money(amount, self.currency)
