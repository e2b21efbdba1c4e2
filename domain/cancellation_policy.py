"""Cancellation policies: which share of each part of the price a cancellation gives back, and until when."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from domain import price_parts
from domain.money import PARTS_MAX, Money
from domain.price_parts import FARE

WHOLE = 100

PartPattern = Annotated[
    str,
    Meta(
        pattern=r"^(?:fare|tax:(?:[*]|[A-Z0-9]{2,3})|fee:(?:[*]|[a-z0-9][a-z0-9_-]{0,29}))(?!\n)$",
        description="The code of a part, or all taxes or fees: `tax:*`, `fee:*`",
        examples=["tax:*"],
    ),
]
Percentage = Annotated[int, Meta(ge=0, le=WHOLE, description="Percentage that is given back")]
Percentages = Annotated[dict[PartPattern, Percentage], Meta(max_length=PARTS_MAX)]


class CancellationPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Percentages of a price that a cancellation on request gives back.

    `percentages` hold before `refundable_until`, or always without it; then `percentages_after` hold. The
    percentage of a part comes before that of all taxes or fees; a part without one gives nothing back. A
    policy without `percentages` gives all back, one without `percentages_after` then nothing. A price without
    parts is all fare.
    """

    refundable_until: Annotated[datetime, Meta(tz=True, description="RFC 3339, with any offset")] | None = (
        None
    )
    percentages: Percentages | None = None
    percentages_after: Percentages | None = None

    @property
    def text(self) -> str:
        """The policy as JSON, as views store it."""
        return msgspec.json.encode(self).decode()

    def refund_of(self, paid: Money, now: datetime) -> Money:
        """Return what a cancellation gives back of an amount that was paid, with its parts."""
        is_over = self.is_over(now)
        percentages = self.percentages_after if is_over else self.percentages
        if percentages is None:
            return paid.share(0) if is_over else paid
        shares = price_parts.percent(
            {FARE: paid.amount} if paid.parts is None else paid.parts,
            lambda code: percentages.get(code, percentages.get(_kind(code), 0)),
        )
        return Money(sum(shares.values()), paid.currency, None if paid.parts is None else shares)

    def is_over(self, now: datetime) -> bool:
        """Return whether the time before `refundable_until` is over."""
        return self.refundable_until is not None and self.refundable_until <= now


def _kind(code: str) -> str:
    """Return the pattern for all parts like this one."""
    return code.partition(":")[0] + ":*"
