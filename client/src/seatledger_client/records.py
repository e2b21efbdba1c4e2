"""Records: the values in answers and in bodies."""
# Generated from the OpenAPI document by `client/generator`: do not edit.

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from seatledger_client.calls import Id, new_key
from seatledger_client.record import OpenEnum, Record

__all__ = [
    "Availability",
    "Booking",
    "BookingHistory",
    "BookingHistoryEvent",
    "BookingPayment",
    "BookingQuote",
    "BookingStatus",
    "BookingsMoved",
    "BulkHold",
    "BulkResult",
    "CancelReason",
    "CancellationPolicy",
    "CancellationQuote",
    "Capture",
    "Checkpoint",
    "CommandOutcome",
    "Delivery",
    "Event",
    "FieldError",
    "Flight",
    "FlightClosure",
    "FlightStatus",
    "HealthCheck",
    "Info",
    "ItemResult",
    "Itinerary",
    "ItineraryBooking",
    "ItineraryHistory",
    "ItineraryHistoryEvent",
    "ItineraryPaymentResult",
    "ItineraryQuote",
    "LogHead",
    "Money",
    "MovedBooking",
    "NamedPassenger",
    "NewPassenger",
    "NewPolicy",
    "Passenger",
    "PassengerType",
    "Payment",
    "PaymentResult",
    "PaymentStatus",
    "Proof",
    "ProvedEvent",
    "Refund",
    "RefundReason",
    "RefundStatus",
    "RegisteredWebhook",
    "RotatedSecret",
    "SandboxClock",
    "ScheduleChange",
    "SeatTaker",
    "SeatTakers",
    "Times",
    "Travel",
    "Unchecked",
    "UnmovedBooking",
    "Verification",
    "WaitingListStatus",
    "WaitingParty",
    "WaitingStatus",
    "Webhook",
]


class BookingStatus(OpenEnum):
    """Status of a booking. `initiated`: seats held, `pending`: payment authorised. `cancelled` is final.

    Closed: any other value is refused.
    """

    BOOKED = "booked"
    CANCELLED = "cancelled"
    INITIATED = "initiated"
    PENDING = "pending"


class CancelReason(OpenEnum):
    """Open: a later release may add values, so treat an unknown one as such."""

    DENIED_BOARDING = "denied_boarding"
    FLIGHT_CANCELLED = "flight_cancelled"
    HOLD_EXPIRED = "hold_expired"
    REQUESTED = "requested"


class Capture(OpenEnum):
    """Closed: any other value is refused."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class FlightStatus(OpenEnum):
    """Open: a later release may add values, so treat an unknown one as such."""

    CANCELLED = "cancelled"
    DEPARTED = "departed"
    SCHEDULED = "scheduled"


class PassengerType(OpenEnum):
    """An infant on a lap has no seat of its own.

    Closed: any other value is refused.
    """

    ADULT = "adult"
    CHILD = "child"
    INFANT_ON_LAP = "infant_on_lap"


class PaymentStatus(OpenEnum):
    """Status of a payment.

    `pending`: authorised, not captured. `lapsed`: the booking ended before the capture. `requested`,
    `capturing`, `voiding`: the gateway has the request, and its answer is not recorded yet.

    Open: a later release may add values, so treat an unknown one as such.
    """

    CAPTURED = "captured"
    CAPTURING = "capturing"
    DECLINED = "declined"
    LAPSED = "lapsed"
    PENDING = "pending"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"
    REQUESTED = "requested"
    VOIDED = "voided"
    VOIDING = "voiding"


class RefundReason(OpenEnum):
    """Open: a later release may add values, so treat an unknown one as such."""

    BOOKING_CANCELLED = "booking_cancelled"
    COMPENSATION = "compensation"
    DENIED_BOARDING = "denied_boarding"
    FLIGHT_CANCELLED = "flight_cancelled"
    LATE_PAYMENT = "late_payment"
    SEATS_REDUCED = "seats_reduced"


class RefundStatus(OpenEnum):
    """Closed: any other value is refused."""

    DUE = "due"
    REQUESTED = "requested"
    SETTLED = "settled"


class Travel(OpenEnum):
    """What became of a paid booking, or of one of its passengers, after the departure.

    Open: a later release may add values, so treat an unknown one as such.
    """

    FLOWN = "flown"
    NO_SHOW = "no_show"


class WaitingListStatus(OpenEnum):
    """The state of a party at the time of a query; from `offered` on it depends on the offered booking.

    Closed: any other value is refused.
    """

    ACCEPTED = "accepted"
    CLOSED = "closed"
    DECLINED = "declined"
    EXPIRED = "expired"
    LEFT = "left"
    OFFERED = "offered"
    WAITING = "waiting"


class WaitingStatus(OpenEnum):
    """Recorded status of a party. The result of an offer is the status of its booking.

    Open: a later release may add values, so treat an unknown one as such.
    """

    CLOSED = "closed"
    LEFT = "left"
    OFFERED = "offered"
    WAITING = "waiting"


@dataclass(frozen=True)
class Availability(Record):
    """seats + overbooking = held + booked + available, always. `seats` are those of the aircraft."""

    flight_id: UUID
    seats: int
    held: int
    booked: int
    available: int
    overbooking: int = 0


@dataclass(frozen=True)
class Booking(Record):
    """One booking. Times are UTC; `travel` is recorded after the departure.

    `schedule_change` awaits an answer. The parts of `total_cost` and the `cancellation_policy` are
    those of the flight when the booking was made. `flight` and `refunds` come with `expand` alone.
    """

    id: UUID
    reference: str
    flight_id: UUID
    user_id: str
    seats: int
    total_cost: Money
    status: BookingStatus
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime
    payment: BookingPayment | None
    itinerary_id: UUID | None = None
    travel: Travel | None = None
    schedule_change: ScheduleChange | None = None
    cancellation_policy: CancellationPolicy | None = None
    passengers: list[Passenger] = field(default_factory=list)
    split_from: UUID | None = None
    flight: Flight | None = None
    refunds: list[Refund] | None = None


@dataclass(frozen=True)
class BookingHistory(Record):
    """The events of a booking in version order."""

    booking_id: UUID
    reference: str
    events: list[BookingHistoryEvent]


@dataclass(frozen=True)
class BookingHistoryEvent(Record):
    """One event of a booking. `status_after` is the booking's status right after the event."""

    position: int
    version: int
    type: str
    recorded_at: datetime
    actor: str
    causation_id: str
    correlation_id: str
    data: Any
    status_after: BookingStatus
    hash: str


@dataclass(frozen=True)
class BookingPayment(Record):
    """The latest payment of a booking. `capture_before` is when a pending payment lapses; else null.

    With `expand=payment` it has the other fields of `GET /payments/{id}`, too.
    """

    payment_id: UUID
    status: PaymentStatus
    capture_before: datetime | None = None
    amount: Money | None = None
    capture: Capture | None = None
    gateway: str | None = None
    reason: str | None = None
    booking_ids: list[UUID] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class BookingQuote(Record):
    """The share of one booking in the refund."""

    booking_id: UUID
    seats: int
    refund: Money


@dataclass(frozen=True)
class BookingsMoved(Record):
    """All bookings of the flight that were live, in the order in which they were moved or left."""

    moved: list[MovedBooking]
    not_moved: list[UnmovedBooking]


@dataclass(frozen=True)
class BulkHold(Record):
    """One hold with its own idempotency key."""

    flight_id: Id
    user_id: str
    seats: int
    key: str = field(default_factory=new_key)


@dataclass(frozen=True)
class BulkResult(Record):
    """Results in the order of the items."""

    results: list[ItemResult]


@dataclass(frozen=True)
class CancellationPolicy(Record):
    """Percentages of a price that a cancellation on request gives back.

    `percentages` hold before `refundable_until`, or always without it; then `percentages_after` hold.
    The percentage of a part comes before that of all taxes or fees; a part without one gives nothing
    back. A policy without `percentages` gives all back, one without `percentages_after` then nothing.
    A price without parts is all fare.
    """

    refundable_until: datetime | None = None
    percentages: Any | None = None
    percentages_after: Any | None = None


@dataclass(frozen=True)
class CancellationQuote(Record):
    """Refund for cancelling the booking at `version`. To accept it, cancel with `If-Match` of that
    version before `valid_until`: no later than the `refundable_until` of its policy, if that is still
    to come.
    """

    booking_id: UUID
    version: int
    seats: int
    refund: Money
    valid_until: datetime


@dataclass(frozen=True)
class Checkpoint(Record):
    """`hash` and `root` are hex, `time` ISO 8601 with microseconds and Z, `signature` base64."""

    position: int
    hash: str
    root: str
    time: str
    signature: str
    key: str


@dataclass(frozen=True)
class CommandOutcome(Record):
    """The recorded result of a command. `body` is the answer; `first_position` is null after a refusal."""

    actor: str
    operation: str
    status: int
    body: Any
    first_position: int | None
    last_position: int
    correlation_id: str
    recorded_at: datetime
    key: str


@dataclass(frozen=True)
class Delivery(Record):
    """One event, or one test, and one webhook. `id` is the `webhook-id` that the receiver gets.

    `queued_at` is the time from which it is repeated for three days. `status`, `answer` and `error`
    are those of the last attempt: the first characters of the answer, or why there was none.
    """

    id: str
    position: int | None
    type: str
    stream_id: UUID
    state: str
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    answered_at: datetime | None
    status: int | None
    answer: str | None
    error: str | None
    milliseconds: int | None


@dataclass(frozen=True)
class Event(Record):
    """One event with every field that its `hash` covers.

    With `sealed=true` the fields are exactly as hashed. Otherwise names replace pseudonyms, and free
    text is decrypted.
    """

    position: int
    originator_id: UUID
    version: int
    type: str
    recorded_at: datetime
    actor: str
    operation: str
    ordinal: int
    causation_id: str
    correlation_id: str
    traceparent: str
    data: Any
    command_hash: str
    hash: str
    livemode: bool | None = None


@dataclass(frozen=True)
class FieldError(Record):
    """One validation error: a JSON pointer (RFC 6901) into the body, or the name of a parameter."""

    message: str
    pointer: str | None = None
    parameter: str | None = None


@dataclass(frozen=True)
class Flight(Record):
    """One flight. Times are UTC; `status` holds at the time of the query.

    `departs_at_local` and `arrives_at_local` are the same instants on the clocks of the airports,
    with their offsets; null for an airport without a known zone. `departure_day` is the day of
    `departs_at` in the offset in which it was sent. `departed_at` is when an operator recorded the
    departure, else null. `overbooking` seats are sold beyond the `seats` of the aircraft. Without a
    `cancellation_policy`, a cancellation gives all money back.
    """

    id: UUID
    number: str
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    departure_day: date
    seats: int
    price: Money
    status: FlightStatus
    version: int
    departed_at: datetime | None = None
    overbooking: int = 0
    cancellation_policy: CancellationPolicy | None = None
    departs_at_local: datetime | None = None
    arrives_at_local: datetime | None = None


@dataclass(frozen=True)
class FlightClosure(Record):
    """The event that closed the flight."""

    position: int
    type: str
    recorded_at: datetime


@dataclass(frozen=True)
class HealthCheck(Record):
    """The result of one readiness check. Only a failed `vital` check takes the program out of service."""

    name: str
    ok: bool
    detail: str
    vital: bool = True


@dataclass(frozen=True)
class Info(Record):
    """The program, and the position of the last event."""

    name: str
    version: str
    status: str
    api_version: str
    position: int


@dataclass(frozen=True)
class ItemResult(Record):
    """Response to one item: status, `ledger-position` and body as of `POST /bookings`."""

    status: int
    position: int
    replayed: bool
    body: Any
    key: str


@dataclass(frozen=True)
class Itinerary(Record):
    """One itinerary with its bookings, in the order in which they were requested.

    `total_cost` is that of the bookings that are not cancelled, or of all if all are; so are `status`
    and `payment`. `version` counts the events of all bookings. Times are UTC.
    """

    id: UUID
    user_id: str
    bookings: list[Booking]
    total_cost: Money
    status: BookingStatus
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime
    payment: BookingPayment | None


@dataclass(frozen=True)
class ItineraryBooking(Record):
    """Seats on one flight of an itinerary."""

    flight_id: Id
    seats: int
    passengers: list[NewPassenger] | None = None


@dataclass(frozen=True)
class ItineraryHistory(Record):
    """The events of all bookings of an itinerary, by position."""

    itinerary_id: UUID
    events: list[ItineraryHistoryEvent]


@dataclass(frozen=True)
class ItineraryHistoryEvent(Record):
    """One event of a booking of the itinerary. `version` and `status_after` are those of the booking.

    `itinerary_version` and `itinerary_status_after` are those of the itinerary right after the event.
    """

    position: int
    version: int
    type: str
    recorded_at: datetime
    actor: str
    causation_id: str
    correlation_id: str
    data: Any
    status_after: BookingStatus
    hash: str
    booking_id: UUID
    itinerary_version: int
    itinerary_status_after: BookingStatus


@dataclass(frozen=True)
class ItineraryPaymentResult(Record):
    """The payment, and the itinerary after it."""

    payment_id: UUID
    itinerary: Itinerary


@dataclass(frozen=True)
class ItineraryQuote(Record):
    """Refund for cancelling these bookings at `version` of the itinerary. To accept it, cancel them with
    `If-Match` of that version before `valid_until`.
    """

    itinerary_id: UUID
    version: int
    refund: Money
    bookings: list[BookingQuote]
    valid_until: datetime


@dataclass(frozen=True)
class LogHead(Record):
    """Position, hash and time of the last event. An empty log has position 0, a hash of zeros and no
    time.
    """

    position: int
    hash: str
    recorded_at: datetime | None


@dataclass(frozen=True)
class Money(Record):
    """An amount in minor units (cents, paise) of an ISO 4217 currency, and the parts that add up to it."""

    amount: int
    currency: str
    parts: Any | None = None


@dataclass(frozen=True)
class MovedBooking(Record):
    """A booking that was moved, and the flight that it is on now."""

    booking_id: UUID
    flight_id: UUID


@dataclass(frozen=True)
class NamedPassenger(Record):
    """`id` names a passenger of the booking and stays; without it the passenger is new."""

    given_name: str
    family_name: str
    type: PassengerType
    date_of_birth: date | None = None
    id: Id | None = None


@dataclass(frozen=True)
class NewPassenger(Record):
    """A passenger as named by a caller; the names are sealed before the command is decided."""

    given_name: str
    family_name: str
    type: PassengerType
    date_of_birth: date | None = None


@dataclass(frozen=True)
class NewPolicy(Record):
    """Percentages of a price that a cancellation on request gives back.

    `percentages` hold before `refundable_until`, or always without it; then `percentages_after` hold.
    The percentage of a part comes before that of all taxes or fees; a part without one gives nothing
    back. A policy without `percentages` gives all back, one without `percentages_after` then nothing.
    A price without parts is all fare.
    """

    refundable_until: datetime | None = None
    percentages: Any | None = None
    percentages_after: Any | None = None


@dataclass(frozen=True)
class Passenger(Record):
    """One passenger of a booking. The passenger keeps the `id` in a booking that is split off."""

    id: UUID
    type: PassengerType
    given_name: str
    family_name: str
    date_of_birth: str | None = None
    travel: Travel | None = None


@dataclass(frozen=True)
class Payment(Record):
    """One payment in the form that callers get, with a token as `user_id`. Times are UTC.

    A payment of an itinerary has several `booking_ids`, and no `booking_id`. `amount` is what was
    paid for all of them. `capture_before` is when a pending payment lapses; else null. `reason`: why
    it was declined or voided.
    """

    id: UUID
    booking_id: UUID | None
    booking_ids: list[UUID]
    itinerary_id: UUID | None
    user_id: str
    amount: Money
    capture: Capture
    status: PaymentStatus
    capture_before: datetime | None
    gateway: str | None
    reason: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class PaymentResult(Record):
    """The payment, and the booking after it."""

    payment_id: UUID
    booking: Booking


@dataclass(frozen=True)
class Proof(Record):
    """Input of `seatledger check-proof`. Its content counts, not the layout of the JSON."""

    format: str
    booking_id: str
    events: list[ProvedEvent]
    checkpoint: Checkpoint


@dataclass(frozen=True)
class ProvedEvent(Record):
    """Fields of the leaf, and its path to the root. `recorded_at` is in microseconds since 1970 UTC."""

    position: int
    originator_id: str
    originator_version: int
    topic: str
    state: str
    actor: str
    operation: str
    ordinal: int
    causation_id: str
    correlation_id: str
    traceparent: str
    recorded_at: int
    command_hash: str
    path: list[str]


@dataclass(frozen=True)
class Refund(Record):
    """One refund. Times are UTC; `reference` is the payer's name for it.

    `gateway` took the payment and pays the refund on request; `refusal` is its reason not to.
    """

    id: UUID
    booking_id: UUID
    flight_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    reason: RefundReason
    status: RefundStatus
    due_at: datetime
    settled_at: datetime | None
    reference: str | None
    gateway: str | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class RegisteredWebhook(Record):
    """A new webhook, with the secret that signs its messages. No later answer shows it."""

    id: UUID
    url: str
    event_types: list[str] | None
    payload: str
    user_id: str | None
    enabled: bool
    position: int | None
    created_at: datetime
    updated_at: datetime
    version: int
    gone_at: datetime | None
    secret: str


@dataclass(frozen=True)
class RotatedSecret(Record):
    """The new secret, and the time until which earlier ones sign beside it."""

    secret: str
    earlier_until: datetime | None


@dataclass(frozen=True)
class SandboxClock(Record):
    """The time of a sandbox."""

    now: datetime


@dataclass(frozen=True)
class ScheduleChange(Record):
    """Times that the customer last agreed to, and the times now.

    Until `accept_before` the customer may accept them, or cancel with all money back; None: no answer
    needed.
    """

    was: Times
    now: Times
    accept_before: datetime | None


@dataclass(frozen=True)
class SeatTaker(Record):
    """A booking that holds or books seats. `position`, `type` and `recorded_at` are those of the event
    that took the seats.
    """

    booking_id: UUID
    reference: str
    position: int
    type: str
    recorded_at: datetime
    seats: int
    status: BookingStatus
    held_until: datetime | None


@dataclass(frozen=True)
class SeatTakers(Record):
    """Seats of a flight right after an event. `as_of` is the time of that event.

    An expired hold without an expiry event counts as held, with its `held_until`.
    """

    flight_id: UUID
    position: int
    as_of: datetime
    flight_status: FlightStatus
    seats: int
    held: int
    booked: int
    available: int
    asked: int
    enough: bool
    closed_by: FlightClosure | None
    taken_by: list[SeatTaker]
    overbooking: int


@dataclass(frozen=True)
class Times(Record):
    """The scheduled times of a flight, in UTC."""

    departs_at: datetime
    arrives_at: datetime


@dataclass(frozen=True)
class Unchecked(Record):
    """Columns of a table, or some of its rows, that verify does not check, and the reason."""

    table: str
    columns: list[str]
    reason: str


@dataclass(frozen=True)
class UnmovedBooking(Record):
    """A booking that stays. `reason` is the code of the refusal, as for a booking that is moved alone."""

    booking_id: UUID
    reason: str


@dataclass(frozen=True)
class Verification(Record):
    """Result over `checked` events. Unless it is `ok`, `first_bad_position` and `reason` name the
    divergence.

    A position past the head stands for a missing event, or for an object beside the log that differs.
    `unchecked` lists all columns of the database that no rule checks.
    """

    ok: bool
    checked: int
    first_bad_position: int | None
    reason: str | None
    unchecked: list[Unchecked] = field(default_factory=list)


@dataclass(frozen=True)
class WaitingParty(Record):
    """One party on a waiting list. Times are UTC.

    `place` counts from 1; it is null for a party that no longer waits. `offer_expires_at` is the end
    of the offered hold, also after a change of the flight's times.
    """

    id: UUID
    flight_id: UUID
    user_id: str
    seats: int
    status: WaitingListStatus
    place: int | None
    joined_at: datetime
    booking_id: UUID | None
    offer_expires_at: datetime | None
    version: int


@dataclass(frozen=True)
class Webhook(Record):
    """One webhook. `event_types` null: all.

    `user_id`: the user of the bookings that it is about; null: it is about everything. `position`:
    the last position that was queued for it; null: it follows the log. `gone_at`: when the receiver
    answered 410 Gone, which disabled it; null: it did not.
    """

    id: UUID
    url: str
    event_types: list[str] | None
    payload: str
    user_id: str | None
    enabled: bool
    position: int | None
    created_at: datetime
    updated_at: datetime
    version: int
    gone_at: datetime | None
