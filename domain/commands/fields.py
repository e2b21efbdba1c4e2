"""Fields of commands: types with their limits, patterns and descriptions."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from domain.caller import SYSTEM
from domain.currencies import CODES, require_current
from domain.money import AMOUNT_MAX, Money
from domain.personal import Personal

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
PartySize = Annotated[int, Meta(ge=1, le=9)]
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


class Price(Money, frozen=True, forbid_unknown_fields=True):
    """A new price: money above zero in a current currency. Raises ValueError for a withdrawn one."""

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

    def as_money(self) -> Money:
        return Money(self.amount, self.currency)
