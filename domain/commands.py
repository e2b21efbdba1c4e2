"""Commands: what callers may ask for, a frozen struct each; also the HTTP body where no path has an id."""

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.money import AMOUNT_MAX, Money
from domain.payments import Capture, PaymentOutcome

Airport = Annotated[str, Meta(pattern=r"^[A-Z]{3}(?!\n)$", description="IATA airport code", examples=["JFK"])]
FlightNumber = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9]{2}[0-9]{1,4}[A-Z]?(?!\n)$", description="IATA flight number", examples=["BA117"]
    ),
]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339, with any offset")]
UserId = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$")]
FLIGHT_SEATS_MAX = 1000
FlightSeats = Annotated[int, Meta(ge=1, le=FLIGHT_SEATS_MAX)]
PartySize = Annotated[int, Meta(ge=1, le=9)]
Note = Annotated[str, Meta(max_length=500)]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
PaymentMethod = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]{1,255}(?!\n)$",
        description="The payment gateway's token for what pays; only where payments go through a gateway",
        examples=["pm_card_visa"],
    ),
]


class Price(Money, frozen=True, forbid_unknown_fields=True):
    """Money above zero."""

    amount: Annotated[int, Meta(gt=0, le=AMOUNT_MAX, description="Integer minor units, above 0")]

    def as_money(self) -> Money:
        return Money(self.amount, self.currency)


class ScheduleFlight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: FlightNumber
    origin: Airport
    destination: Airport
    departs_at: Instant
    arrives_at: Instant
    seats: FlightSeats
    price: Price

    def __post_init__(self) -> None:
        if self.origin == self.destination:
            raise ValueError("origin and destination must differ")
        if self.arrives_at <= self.departs_at:
            raise ValueError("arrives_at must be later than departs_at")
        try:
            self.departs_at.astimezone(UTC), self.arrives_at.astimezone(UTC)
        except OverflowError:
            raise ValueError("departs_at and arrives_at must lie in the years 1 to 9999 in UTC") from None

    @property
    def departure_day(self) -> date:
        """The day as written, in departs_at's own offset: what the ticket says."""
        return self.departs_at.date()


class RepriceFlight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flight_id: UUID
    price: Price


class ChangeFlightSeats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flight_id: UUID
    seats: FlightSeats


class CancelFlight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flight_id: UUID
    reason: Reason


class InitiateBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flight_id: UUID
    user_id: UserId
    seats: PartySize


class PayBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID
    user_id: UserId
    total_cost: Money
    capture: Capture = Capture.AUTOMATIC
    payment_method: PaymentMethod | UnsetType = UNSET


class CapturePayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID


class VoidPayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID
    reason: Reason


class ReduceSeats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID
    seats: PartySize


class CancelBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID
    reason: Note | None = None


class ExpireHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID


class CancelWithFlight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    booking_id: UUID


class SettleRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`by_hand`: somebody has paid it, or else the gateway shall; unset: whoever took the payment."""

    refund_id: UUID
    reference: Note | None = None
    by_hand: bool | UnsetType = UNSET


class RecordPayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gateway told of a payment; `reference` is its name for it, `code` why it was declined."""

    booking_id: UUID
    payment_id: UUID
    outcome: PaymentOutcome
    reference: str | None = None
    code: str | None = None


class RecordRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gateway told of a refund: it is paid, unless `code` says why it never will be."""

    refund_id: UUID
    reference: str | None = None
    code: str | None = None


class JoinWaitlist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flight_id: UUID
    user_id: UserId
    seats: PartySize


class LeaveWaitlist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waiting_id: UUID


class OfferSeats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waiting_id: UUID


class HoldOffer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waiting_id: UUID


class CloseWaiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    waiting_id: UUID


Command = (
    ScheduleFlight
    | RepriceFlight
    | ChangeFlightSeats
    | CancelFlight
    | InitiateBooking
    | PayBooking
    | CapturePayment
    | VoidPayment
    | ReduceSeats
    | CancelBooking
    | ExpireHold
    | CancelWithFlight
    | SettleRefund
    | RecordPayment
    | RecordRefund
    | JoinWaitlist
    | LeaveWaitlist
    | OfferSeats
    | HoldOffer
    | CloseWaiting
)
