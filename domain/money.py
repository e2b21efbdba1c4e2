"""Money: an integer number of minor units and a currency."""

from typing import Annotated

import msgspec

from domain.currencies import CODES

AMOUNT_MAX = 2**53 - 1
"""Largest amount in minor units: JSON parsers read integers up to this exactly (RFC 8259, section 6)."""


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units (cents, paise) of an ISO 4217 currency. Raises ValueError for other codes."""

    amount: Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX, description="Integer minor units")]
    currency: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Z]{3}(?!\n)$",
            description="ISO 4217 code",
            examples=["INR"],
            extra_json_schema={"enum": sorted(CODES)},
        ),
    ]

    def __post_init__(self) -> None:
        if self.currency not in CODES:
            raise ValueError("Unknown ISO 4217 currency code")

    def times(self, count: int) -> "Money":
        """Return the amount times `count`. Raises ValueError above AMOUNT_MAX."""
        amount = self.amount * count
        if amount > AMOUNT_MAX:
            raise ValueError("The amount exceeds 2^53-1 minor units")
        return Money(amount, self.currency)
