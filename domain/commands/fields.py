"""Fields of commands: types with their limits, patterns and descriptions."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from domain.caller import SYSTEM
from domain.cancellation_policy import CancellationPolicy
from domain.currencies import CODES, require_current
from domain.money import AMOUNT_MAX, Money
from domain.personal import Personal
from domain.price_parts import FARE, Parts

Airport = Annotated[str, Meta(pattern=r"^[A-Z]{3}(?!\n)$", description="IATA airport code", examples=["JFK"])]
FlightNumber = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]{2}[0-9]{1,4}[A-Z]?(?!\n)$", description="IATA flight number", examples=["BA117"]
    ),
]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339, with any offset")]
_LINE = r"[^\x00-\x1f\x7f]*(?!\n)$"
UserName = Annotated[str, Personal.NAME, Meta(min_length=1, max_length=255, pattern=f"^{_LINE}")]
UserId = Annotated[
    str,
    Personal.NAME,
    Meta(
        min_length=1,
        max_length=255,
        pattern=f"^(?!{SYSTEM.subject}$){_LINE}",
        description=f"One line of text. `{SYSTEM.subject}` is reserved for the ledger itself",
    ),
]
"""The user of a new command. Queries take a UserName, because an older log may have a user of that name."""
FLIGHT_SEATS_MAX = 1000
OVERBOOKING_MAX = 200
"""Limits the seats sold beyond an aircraft's, and so the bookings of one flight."""
FlightSeats = Annotated[int, Meta(ge=1, le=FLIGHT_SEATS_MAX)]
OverbookedSeats = Annotated[
    int, Meta(ge=0, le=OVERBOOKING_MAX, description="Seats to sell beyond those of the aircraft")
]
PARTY_SIZE_MAX = 9
PartySize = Annotated[int, Meta(ge=1, le=PARTY_SIZE_MAX)]
Note = Annotated[str, Personal.TEXT, Meta(max_length=500)]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
PaymentMethod = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]{1,255}(?!\n)$",
        description="The payment gateway's token of the means of payment; only with a payment gateway",
        examples=["pm_card_visa"],
    ),
]


class WrongField(ValueError):
    """Error of the value of one field of a struct, which only its other fields reveal."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Price(Money, frozen=True, forbid_unknown_fields=True):
    """A new price: an amount above zero in a current currency, not in a withdrawn one."""

    amount: Annotated[int, Meta(gt=0, le=AMOUNT_MAX, description="Integer minor units, above 0")]
    currency: Annotated[
        str,
        Meta(
            pattern=r"^[A-Z]{3}(?!\n)$",
            description="Current ISO 4217 code",
            examples=["INR"],
            extra_json_schema={"enum": sorted(CODES)},
        ),
    ]

    def __post_init__(self) -> None:
        require_current(self.currency)
        if self.parts is not None:
            self._require_sum(self.parts)

    def _require_sum(self, parts: Parts) -> None:
        if FARE not in parts:
            raise WrongField("parts", "The parts need a `fare`, which may be 0")
        if sum(parts.values()) != self.amount:
            raise WrongField("parts", f"The parts must add up to {self.amount}, not {sum(parts.values())}")

    def as_money(self) -> Money:
        """Return the price as the log records it, with its parts in order of their codes."""
        parts = None if self.parts is None else dict(sorted(self.parts.items()))
        return Money(self.amount, self.currency, parts)


class NewPolicy(CancellationPolicy, frozen=True, forbid_unknown_fields=True):
    __doc__ = CancellationPolicy.__doc__

    def __post_init__(self) -> None:
        if self.refundable_until is None and self.percentages_after is not None:
            raise WrongField("percentages_after", "Only with `refundable_until`, after which they hold")
        try:
            self.as_policy()
        except OverflowError:
            raise WrongField("refundable_until", "Must lie in the years 1 to 9999 in UTC") from None

    def as_policy(self) -> CancellationPolicy:
        """Return the policy as the log records it, with its time in UTC."""
        until = self.refundable_until and self.refundable_until.astimezone(UTC)
        return CancellationPolicy(until, self.percentages, self.percentages_after)
