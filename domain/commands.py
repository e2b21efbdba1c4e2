"""Commands: one frozen struct for each change to the ledger; also the HTTP body where the path has no id."""

from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Literal, dataclass_transform
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.booking import Travel
from domain.caller import SYSTEM
from domain.currencies import CODES, require_current
from domain.money import AMOUNT_MAX, KnownCode, Money
from domain.payments import Capture, PaymentOutcome
from domain.personal import Personal
from domain.read_set import ReadSet

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

ITINERARY_BOOKINGS_MAX = 8
"""Maximum number of bookings of one itinerary."""
BookingIds = Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=ITINERARY_BOOKINGS_MAX)]


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


@dataclass_transform(frozen_default=True)
class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base class of all commands: immutable structs that refuse unknown fields."""

    OPERATION: ClassVar[str]
    """Stored name of the command, and part of the key of its outcome. Never change it."""

    MOVES_SEATS: ClassVar[bool] = False
    """True if the command can take or free seats of a flight, or let a waiting party take them.

    The flight's waiting list is then loaded, and served after the command.
    """

    @property
    def target_id(self) -> UUID | None:
        """The id that the command names, None for one that makes a flight."""
        return None

    def add_reads(self, read_set: ReadSet) -> None:
        """Add to the read set what the handler and the block need to decide the command."""
        raise NotImplementedError


class FlightCommand(Command):
    """Base class of commands about a flight."""

    flight_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.flight_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.flights.add(self.flight_id)
        if self.MOVES_SEATS:
            read_set.waiting_lists.of_flights.add(self.flight_id)


class BookingCommand(Command):
    """Base class of commands about a booking."""

    booking_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.booking_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.bookings.add(self.booking_id)
        if self.MOVES_SEATS:
            read_set.waiting_lists.of_bookings.add(self.booking_id)


class RefundCommand(Command):
    """Base class of commands about a refund."""

    refund_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.refund_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.refunds.add(self.refund_id)


class WaitingCommand(Command):
    """Base class of commands about a waiting party."""

    waiting_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.waiting_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.parties.add(self.waiting_id)
        read_set.waiting_lists.of_parties.add(self.waiting_id)


class ItineraryCommand(Command):
    """Base class of commands about an itinerary."""

    itinerary_id: UUID

    @property
    def target_id(self) -> UUID:
        return self.itinerary_id

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.itineraries.add(self.itinerary_id)
        if self.MOVES_SEATS:
            read_set.waiting_lists.of_itineraries.add(self.itinerary_id)


class ScheduleFlight(Command):
    OPERATION = "schedule_flight"

    number: FlightNumber
    origin: Airport
    destination: Airport
    departs_at: Instant
    arrives_at: Instant
    seats: FlightSeats
    price: Price
    backfill: (
        Annotated[bool, Meta(description="Schedule the flight although its departure lies in the past")]
        | UnsetType
    ) = UNSET

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
        """The day of departs_at in its own UTC offset, as printed on the ticket."""
        return self.departs_at.date()

    def add_reads(self, read_set: ReadSet) -> None:
        read_set.natural_keys.add((self.number, self.origin, self.departure_day))


class RepriceFlight(FlightCommand):
    OPERATION = "reprice_flight"
    MOVES_SEATS = True  # a lower price can bring the total cost of a waiting party below the limit

    price: Price


class ChangeFlightSeats(FlightCommand):
    OPERATION = "change_flight_seats"
    MOVES_SEATS = True

    seats: FlightSeats

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.seats_needed[self.flight_id] = FLIGHT_SEATS_MAX


class ChangeOverbooking(FlightCommand):
    """Sell `seats` more than the aircraft has. `reason` concerns no person and is stored in clear."""

    OPERATION = "change_overbooking"
    MOVES_SEATS = True

    seats: OverbookedSeats
    reason: Reason

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.seats_needed[self.flight_id] = FLIGHT_SEATS_MAX


class CancelFlight(FlightCommand):
    """`reason` concerns no person and is stored in clear."""

    OPERATION = "cancel_flight"
    MOVES_SEATS = True

    reason: Reason

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.all_bookings_of.add(self.flight_id)


class DepartFlight(FlightCommand):
    """Record that the flight has departed, on time, late or early."""

    OPERATION = "depart_flight"
    MOVES_SEATS = True

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.all_bookings_of.add(self.flight_id)


class InitiateBooking(FlightCommand):
    OPERATION = "initiate_booking"
    MOVES_SEATS = True

    user_id: UserId
    seats: PartySize

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.add_seats_needed(self.flight_id, self.seats)


class PayBooking(BookingCommand):
    OPERATION = "pay_booking"

    user_id: UserId
    total_cost: Money
    capture: Capture = Capture.AUTOMATIC
    payment_method: PaymentMethod | UnsetType = UNSET

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.departures = True


class CapturePayment(BookingCommand):
    OPERATION = "capture_payment"
    MOVES_SEATS = True

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.captures.add(self.booking_id)


class VoidPayment(BookingCommand):
    OPERATION = "void_payment"
    MOVES_SEATS = True

    reason: Annotated[Reason, Personal.TEXT]


class ReduceSeats(BookingCommand):
    OPERATION = "reduce_seats"
    MOVES_SEATS = True

    seats: PartySize

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.departures = True


class RefundAmount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of what was paid, in minor units of its currency."""

    amount: Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description="Integer minor units")]
    currency: KnownCode | UnsetType = UNSET


StatedRefund = Literal["full", "none"] | RefundAmount


class CancelBooking(BookingCommand):
    """`refund` is the operator's decision; unset: the whole price of a paid booking."""

    OPERATION = "cancel_booking"
    MOVES_SEATS = True

    reason: Note | None = None
    refund: StatedRefund | UnsetType = UNSET

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.departures = True


class DenyBoarding(BookingCommand):
    """Cancel a paid booking for which the flight has no seats; `compensation` is owed beside the refund."""

    OPERATION = "deny_boarding"
    MOVES_SEATS = True

    reason: Annotated[Reason, Personal.TEXT]
    compensation: Price | UnsetType = UNSET


class TravelCommand(BookingCommand):
    """Base class of the commands that record, after the departure, what became of a paid booking."""

    TRAVEL: ClassVar[Travel]

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.departures = True


class RecordFlown(TravelCommand):
    OPERATION = "record_flown"
    TRAVEL = Travel.FLOWN


class RecordNoShow(TravelCommand):
    OPERATION = "record_no_show"
    TRAVEL = Travel.NO_SHOW


class ExpireHold(BookingCommand):
    OPERATION = "expire_hold"
    MOVES_SEATS = True


class CancelWithFlight(BookingCommand):
    OPERATION = "cancel_with_flight"


class SettleRefund(RefundCommand):
    """`by_hand`: true if an operator has paid it, false to pay it through the gateway.

    Unset: through the gateway if the payment came through it, or else by hand.
    """

    OPERATION = "settle_refund"

    reference: Note | None = None
    by_hand: bool | UnsetType = UNSET


class RecordPayment(BookingCommand):
    """Record what became of a payment at the gateway: its `reference` there, a `code` if it was declined."""

    OPERATION = "record_payment"
    MOVES_SEATS = True

    payment_id: UUID
    outcome: PaymentOutcome
    reference: str | None = None
    code: str | None = None

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.captures.add(self.booking_id)


class RecordRefund(RefundCommand):
    """Record the outcome of a refund at the gateway: paid, or refused for good with a `code`."""

    OPERATION = "record_refund"

    reference: str | None = None
    code: str | None = None


class JoinWaitlist(FlightCommand):
    OPERATION = "join_waitlist"
    MOVES_SEATS = True

    user_id: UserId
    seats: PartySize

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.add_seats_needed(self.flight_id, self.seats)


class LeaveWaitlist(WaitingCommand):
    OPERATION = "leave_waitlist"


class OfferSeats(WaitingCommand):
    OPERATION = "offer_seats"


class HoldOffer(WaitingCommand):
    OPERATION = "hold_offer"


class CloseWaiting(WaitingCommand):
    OPERATION = "close_waiting"


class ItineraryBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seats on one flight of an itinerary."""

    flight_id: UUID
    seats: PartySize


class InitiateItinerary(Command):
    """Hold seats on all these flights, or on none of them."""

    OPERATION = "initiate_itinerary"
    MOVES_SEATS = True

    user_id: UserId
    bookings: Annotated[tuple[ItineraryBooking, ...], Meta(min_length=1, max_length=ITINERARY_BOOKINGS_MAX)]

    @property
    def target_id(self) -> UUID:
        return self.bookings[0].flight_id

    @property
    def holds(self) -> list[InitiateBooking]:
        """The holds, in the order of the request."""
        return [InitiateBooking(one.flight_id, self.user_id, one.seats) for one in self.bookings]

    @property
    def holds_by_flight(self) -> dict[UUID, list[InitiateBooking]]:
        by_flight: dict[UUID, list[InitiateBooking]] = {}
        for hold in self.holds:
            by_flight.setdefault(hold.flight_id, []).append(hold)
        return by_flight

    def add_reads(self, read_set: ReadSet) -> None:
        for hold in self.holds:
            hold.add_reads(read_set)


class PayItinerary(ItineraryCommand):
    OPERATION = "pay_itinerary"

    user_id: UserId
    total_cost: Money
    capture: Capture = Capture.AUTOMATIC
    payment_method: PaymentMethod | UnsetType = UNSET

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.departures = True


class CaptureItinerary(ItineraryCommand):
    OPERATION = "capture_itinerary"
    MOVES_SEATS = True

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.itinerary_captures.add(self.itinerary_id)


class VoidItinerary(ItineraryCommand):
    OPERATION = "void_itinerary"
    MOVES_SEATS = True

    reason: Annotated[Reason, Personal.TEXT]


class CancelItinerary(ItineraryCommand):
    """`booking_ids`: the bookings to cancel; unset: all of them."""

    OPERATION = "cancel_itinerary"
    MOVES_SEATS = True

    reason: Note | None = None
    booking_ids: BookingIds | UnsetType = UNSET

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.departures = True


class RecordItineraryPayment(ItineraryCommand):
    """Record what became of a payment at the gateway, as RecordPayment does for one booking."""

    OPERATION = "record_itinerary_payment"
    MOVES_SEATS = True

    payment_id: UUID
    outcome: PaymentOutcome
    reference: str | None = None
    code: str | None = None

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.itinerary_captures.add(self.itinerary_id)
