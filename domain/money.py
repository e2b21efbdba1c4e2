"""Money: an integer number of minor units and a currency."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from domain import price_parts
from domain.currencies import KNOWN

AMOUNT_MAX = 2**53 - 1
"""Largest amount in minor units: JSON parsers read integers up to this exactly (RFC 8259, section 6)."""

if TYPE_CHECKING:
    KnownCode = str
else:
    KnownCode = Literal[tuple(sorted(KNOWN))]


PARTS_MAX = 20
"""Maximum number of parts of an amount."""
PartCode = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(?:fare|tax:[A-Z0-9]{2,3}|fee:[a-z0-9][a-z0-9_-]{0,29})(?!\n)$",
        description="`fare`, a tax by its code, or a fee by its name",
        examples=["tax:GB"],
    ),
]
PartAmount = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX, description="Integer minor units")]


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An amount in minor units (cents, paise) of an ISO 4217 currency, and the parts that add up to it."""

    # The marks of the fields are rules for input: only the decoder of a body checks them. Stored amounts are
    # made without them, because a rule may be stricter today than on the day on which an amount was stored.

    amount: Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX, description="Integer minor units")]
    currency: Annotated[KnownCode, msgspec.Meta(description="ISO 4217 code", examples=["INR"])]
    parts: (
        Annotated[
            dict[PartCode, PartAmount],
            msgspec.Meta(
                max_length=PARTS_MAX, description="The fare, taxes and fees that add up to `amount`"
            ),
        ]
        | None
    ) = None

    @property
    def whole(self) -> "Money":
        """The amount without its parts."""
        return self if self.parts is None else Money(self.amount, self.currency)

    @property
    def adds_up(self) -> bool:
        """True if the parts, if there are any, add up to the amount."""
        return self.parts is None or sum(self.parts.values()) == self.amount

    @property
    def parts_text(self) -> str | None:
        """The parts as JSON, as views store them."""
        return None if self.parts is None else msgspec.json.encode(self.parts).decode()

    def times(self, count: int) -> "Money":
        """Return the amount times `count`. Raises ValueError above AMOUNT_MAX."""
        amount = self.amount * count
        if amount > AMOUNT_MAX:
            raise ValueError("The amount exceeds 2^53-1 minor units")
        if self.parts is None:
            return Money(amount, self.currency)
        return Money(amount, self.currency, price_parts.times(self.parts, count))

    def share(self, amount: int) -> "Money":
        """Return `amount` minor units of this money, with its parts divided to the minor unit."""
        if self.parts is None:
            return Money(amount, self.currency)
        return Money(amount, self.currency, price_parts.divide(self.parts, amount))

    def less(self, other: "Money") -> "Money":
        """Return what is left without `other`, a share of this money."""
        if self.parts is None or other.parts is None:
            return Money(self.amount - other.amount, self.currency)
        left = {code: amount - other.parts.get(code, 0) for code, amount in self.parts.items()}
        return Money(self.amount - other.amount, self.currency, left)

    def settles(self, cost: "Money") -> bool:
        """Return whether a payment of this money settles the cost. The payment need not state the parts."""
        same = self.amount == cost.amount and self.currency == cost.currency
        return same and self.parts in (None, cost.parts)


def total(amounts: Sequence[Money]) -> Money:
    """Return the sum of amounts in one currency; it has parts if all of them have parts."""
    amount, currency = sum(one.amount for one in amounts), amounts[0].currency
    parts = [one.parts for one in amounts if one.parts is not None]
    if len(parts) < len(amounts):
        return Money(amount, currency)
    return Money(amount, currency, price_parts.add(parts))
