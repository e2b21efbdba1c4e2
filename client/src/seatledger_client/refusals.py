"""Refusals: one class for each code of a problem."""
# Generated from the OpenAPI document by `client/generator`: do not edit.

from datetime import datetime
from uuid import UUID

from seatledger_client import records
from seatledger_client.errors import Refusal

__all__ = [
    "AlreadyOnFlight",
    "AlreadyPaid",
    "AlreadyWaiting",
    "BookingCancelled",
    "BookingInItinerary",
    "BookingNotFound",
    "BookingNotPaid",
    "BulkKeysMixed",
    "CarrierNotHere",
    "CheckpointNotFound",
    "ClockTooFar",
    "CommandNotFound",
    "ContentTooLarge",
    "CurrenciesMixed",
    "CurrencyDiffers",
    "DepartureInPast",
    "FlightAlreadyScheduled",
    "FlightDeparted",
    "FlightNotBookable",
    "FlightNotDeparted",
    "FlightNotFound",
    "Forbidden",
    "HoldExpired",
    "IdempotencyKeyMalformed",
    "IdempotencyKeyMissing",
    "IdempotencyKeyReused",
    "InfantWithoutAdult",
    "InternalError",
    "ItineraryNotFound",
    "KeysUnavailable",
    "LedgerNotFound",
    "LedgerRetired",
    "LedgerUnavailable",
    "LedgersMixed",
    "Malformed",
    "MethodNotAllowed",
    "NoScheduleChange",
    "NotEnoughSeats",
    "NotFound",
    "NotReady",
    "NotWaiting",
    "NotYourAccount",
    "Overloaded",
    "PartyLargerThanFlight",
    "PassengerUnknown",
    "PassengersNotSeats",
    "PassengersNotStated",
    "PaymentDeclined",
    "PaymentInProgress",
    "PaymentMethodMissing",
    "PaymentMethodUnexpected",
    "PaymentNotFound",
    "PaymentNotPending",
    "PositionNotReached",
    "PriceMismatch",
    "RefundAlreadySettled",
    "RefundInProgress",
    "RefundNotFound",
    "RefundNotStated",
    "RefundNotThroughGateway",
    "RefundRefused",
    "RefundTooLarge",
    "RequestTimeout",
    "SeatsAvailable",
    "SeatsInUse",
    "SeatsNotFewer",
    "SplitWithoutSeat",
    "StaleVersion",
    "TimesUnchanged",
    "TooManyCommands",
    "TooManyHolds",
    "TooManyPayments",
    "TooManySecrets",
    "TooManyStreams",
    "TooManyWebhooks",
    "TotalTooLarge",
    "TravelAlreadyRecorded",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedMediaType",
    "UriTooLong",
    "ValidationFailed",
    "VersionNotFound",
    "WaitingListFull",
    "WaitingPartyNotFound",
    "WebhookDisabled",
    "WebhookNotFound",
]


class AlreadyOnFlight(Refusal):
    """The booking is already on this flight."""

    CODE = "already-on-flight"

    booking_id: UUID
    flight_id: UUID


class AlreadyPaid(Refusal):
    """The booking is already paid for."""

    CODE = "already-paid"

    booking_id: UUID
    itinerary_id: UUID
    payment_id: UUID


class AlreadyWaiting(Refusal):
    """The user is already on the waiting list of this flight."""

    CODE = "already-waiting"

    waiting_id: UUID


class BookingCancelled(Refusal):
    """The booking is cancelled, which is final."""

    CODE = "booking-cancelled"

    booking_id: UUID
    itinerary_id: UUID
    reason: records.CancelReason | None


class BookingInItinerary(Refusal):
    """The booking belongs to an itinerary."""

    CODE = "booking-in-itinerary"

    booking_id: UUID
    itinerary_id: UUID


class BookingNotFound(Refusal):
    """There is no such booking."""

    CODE = "booking-not-found"

    booking_id: UUID


class BookingNotPaid(Refusal):
    """The booking is not paid for."""

    CODE = "booking-not-paid"

    booking_id: UUID


class BulkKeysMixed(Refusal):
    """Some keys of the atomic bulk are known and others are new."""

    CODE = "bulk-keys-mixed"

    known_keys: list[str]


class CarrierNotHere(Refusal):
    """No ledger of this deployment takes flights of this carrier."""

    CODE = "carrier-not-here"


class CheckpointNotFound(Refusal):
    """No such checkpoint has been signed yet."""

    CODE = "checkpoint-not-found"

    last_position: int


class ClockTooFar(Refusal):
    """The clock of a sandbox is not moved that far."""

    CODE = "clock-too-far"

    latest: datetime


class CommandNotFound(Refusal):
    """No outcome is recorded under this actor, operation and key."""

    CODE = "command-not-found"


class ContentTooLarge(Refusal):
    """The request body is larger than 64 KiB."""

    CODE = "content-too-large"


class CurrenciesMixed(Refusal):
    """The flights of an itinerary have prices in several currencies."""

    CODE = "currencies-mixed"

    currencies: list[str]


class CurrencyDiffers(Refusal):
    """The flight is priced in another currency than the booking."""

    CODE = "currency-differs"

    flight_id: UUID
    currencies: list[str]


class DepartureInPast(Refusal):
    """The departure lies in the past."""

    CODE = "departure-in-past"

    now: datetime


class FlightAlreadyScheduled(Refusal):
    """This flight number already leaves that airport on that day."""

    CODE = "flight-already-scheduled"

    flight_id: UUID


class FlightDeparted(Refusal):
    """The flight has departed."""

    CODE = "flight-departed"

    flight_id: UUID


class FlightNotBookable(Refusal):
    """The flight has departed or was cancelled."""

    CODE = "flight-not-bookable"

    flight_id: UUID
    flight_status: records.FlightStatus


class FlightNotDeparted(Refusal):
    """The flight has not departed yet."""

    CODE = "flight-not-departed"

    flight_id: UUID


class FlightNotFound(Refusal):
    """There is no such flight."""

    CODE = "flight-not-found"

    flight_id: UUID


class Forbidden(Refusal):
    """The caller's roles do not allow this."""

    CODE = "forbidden"

    required_roles: list[str]


class HoldExpired(Refusal):
    """The hold on the seats expired before the payment."""

    CODE = "hold-expired"

    booking_id: UUID
    itinerary_id: UUID
    expired_at: datetime


class IdempotencyKeyMalformed(Refusal):
    """The idempotency key has the wrong form."""

    CODE = "idempotency-key-malformed"


class IdempotencyKeyMissing(Refusal):
    """This command requires an idempotency key."""

    CODE = "idempotency-key-missing"


class IdempotencyKeyReused(Refusal):
    """The idempotency key was already used with a different request."""

    CODE = "idempotency-key-reused"


class InfantWithoutAdult(Refusal):
    """Each infant on a lap needs an adult in the same booking."""

    CODE = "infant-without-adult"

    infants: int
    adults: int


class InternalError(Refusal):
    """An internal error occurred."""

    CODE = "internal-error"


class ItineraryNotFound(Refusal):
    """There is no such itinerary."""

    CODE = "itinerary-not-found"

    itinerary_id: UUID


class KeysUnavailable(Refusal):
    """The keys that check tokens could not be fetched yet."""

    CODE = "keys-unavailable"


class LedgerNotFound(Refusal):
    """There is no ledger with this name, or the token does not allow it."""

    CODE = "ledger-not-found"


class LedgerRetired(Refusal):
    """This ledger is retired."""

    CODE = "ledger-retired"

    ledger: str


class LedgerUnavailable(Refusal):
    """One of the ledgers did not answer in time."""

    CODE = "ledger-unavailable"

    ledger: str


class LedgersMixed(Refusal):
    """One request cannot change several ledgers."""

    CODE = "ledgers-mixed"

    ledgers: list[str]


class Malformed(Refusal):
    """The request is malformed."""

    CODE = "malformed"


class MethodNotAllowed(Refusal):
    """This URL does not support the method."""

    CODE = "method-not-allowed"


class NoScheduleChange(Refusal):
    """The booking has no schedule change that awaits an answer."""

    CODE = "no-schedule-change"

    booking_id: UUID


class NotEnoughSeats(Refusal):
    """The flight has fewer free seats than asked for."""

    CODE = "not-enough-seats"

    flight_id: UUID
    asked: int
    free: int
    why: str


class NotFound(Refusal):
    """There is no resource at this URL."""

    CODE = "not-found"


class NotReady(Refusal):
    """The server is running but not ready for requests."""

    CODE = "not-ready"

    checks: list[records.HealthCheck]


class NotWaiting(Refusal):
    """The party is no longer waiting."""

    CODE = "not-waiting"

    waiting_id: UUID
    was: records.WaitingStatus


class NotYourAccount(Refusal):
    """The caller may act only for its own account."""

    CODE = "not-your-account"


class Overloaded(Refusal):
    """The server is overloaded and did not process the request."""

    CODE = "overloaded"


class PartyLargerThanFlight(Refusal):
    """The party needs more seats than the flight has."""

    CODE = "party-larger-than-flight"

    asked: int
    seats: int
    overbooking: int


class PassengerUnknown(Refusal):
    """The booking has no such passenger."""

    CODE = "passenger-unknown"

    passengers: list[UUID]


class PassengersNotSeats(Refusal):
    """A booking has as many passengers as seats; infants on laps need none."""

    CODE = "passengers-not-seats"

    expected: int
    given: int


class PassengersNotStated(Refusal):
    """The booking names its passengers, and the command does not say which of them leave."""

    CODE = "passengers-not-stated"

    booking_id: UUID
    expected: int


class PaymentDeclined(Refusal):
    """The payment was declined."""

    CODE = "payment-declined"

    booking_id: UUID
    itinerary_id: UUID
    payment_id: UUID
    reason: str | None


class PaymentInProgress(Refusal):
    """A payment for the booking is already in progress."""

    CODE = "payment-in-progress"

    booking_id: UUID
    payment_id: UUID


class PaymentMethodMissing(Refusal):
    """This server uses a payment gateway, which needs a payment method."""

    CODE = "payment-method-missing"


class PaymentMethodUnexpected(Refusal):
    """This server has no payment gateway."""

    CODE = "payment-method-unexpected"


class PaymentNotFound(Refusal):
    """There is no such payment."""

    CODE = "payment-not-found"

    payment_id: UUID


class PaymentNotPending(Refusal):
    """The booking has no payment that can be captured or voided."""

    CODE = "payment-not-pending"

    booking_id: UUID
    itinerary_id: UUID


class PositionNotReached(Refusal):
    """The ledger has not reached the requested position."""

    CODE = "position-not-reached"

    position: int


class PriceMismatch(Refusal):
    """The amount or currency differs from the total cost of the booking."""

    CODE = "price-mismatch"

    expected: records.Money


class RefundAlreadySettled(Refusal):
    """The refund is already settled."""

    CODE = "refund-already-settled"

    refund_id: UUID
    settled_at: datetime | None


class RefundInProgress(Refusal):
    """The refund is in progress, and the gateway has not answered yet."""

    CODE = "refund-in-progress"

    refund_id: UUID
    requested_at: datetime | None


class RefundNotFound(Refusal):
    """There is no such refund."""

    CODE = "refund-not-found"

    refund_id: UUID


class RefundNotStated(Refusal):
    """The flight has departed, so the cancellation has to state the refund."""

    CODE = "refund-not-stated"

    booking_id: UUID
    paid: records.Money


class RefundNotThroughGateway(Refusal):
    """The payment did not come through a gateway."""

    CODE = "refund-not-through-gateway"

    refund_id: UUID


class RefundRefused(Refusal):
    """The gateway refused the refund."""

    CODE = "refund-refused"

    refund_id: UUID
    reason: str | None


class RefundTooLarge(Refusal):
    """The refund exceeds what was paid for the booking, or has another currency."""

    CODE = "refund-too-large"

    asked: records.Money
    paid: records.Money


class RequestTimeout(Refusal):
    """The request body did not arrive in time."""

    CODE = "request-timeout"


class SeatsAvailable(Refusal):
    """The flight has enough free seats."""

    CODE = "seats-available"

    asked: int
    free: int


class SeatsInUse(Refusal):
    """More seats are held and booked than the flight would have."""

    CODE = "seats-in-use"

    asked: int
    overbooking: int
    in_use: int


class SeatsNotFewer(Refusal):
    """A booking can only give seats back."""

    CODE = "seats-not-fewer"

    asked: int
    seats: int


class SplitWithoutSeat(Refusal):
    """Both bookings of a split need a passenger with a seat."""

    CODE = "split-without-seat"

    booking_id: UUID
    leaving: int
    staying: int


class StaleVersion(Refusal):
    """The current version differs from the version in the request."""

    CODE = "stale-version"

    expected: int
    version: int


class TimesUnchanged(Refusal):
    """The flight already has these times."""

    CODE = "times-unchanged"

    flight_id: UUID


class TooManyCommands(Refusal):
    """The caller has sent too many commands in this minute."""

    CODE = "too-many-commands"

    asked: int
    limit: int


class TooManyHolds(Refusal):
    """The user holds too many unpaid seats."""

    CODE = "too-many-holds"

    asked: int
    unpaid: int
    limit: int


class TooManyPayments(Refusal):
    """Too many payments for this booking were declined."""

    CODE = "too-many-payments"

    booking_id: UUID
    declined: int


class TooManySecrets(Refusal):
    """The secret was rotated too often within a day."""

    CODE = "too-many-secrets"

    limit: int


class TooManyStreams(Refusal):
    """The caller has too many open event streams."""

    CODE = "too-many-streams"

    limit: int


class TooManyWebhooks(Refusal):
    """There are as many webhooks as the ledger or this user may have."""

    CODE = "too-many-webhooks"

    limit: int


class TotalTooLarge(Refusal):
    """The total cost exceeds the largest amount that the ledger can record."""

    CODE = "total-too-large"

    price: records.Money
    seats: int


class TravelAlreadyRecorded(Refusal):
    """The booking is already recorded so."""

    CODE = "travel-already-recorded"

    booking_id: UUID
    travel: records.Travel | None


class Unauthenticated(Refusal):
    """This request requires a valid bearer token."""

    CODE = "unauthenticated"


class Unavailable(Refusal):
    """The ledger did not answer in time and the outcome is unknown."""

    CODE = "unavailable"


class UnsupportedMediaType(Refusal):
    """The request body has another type than JSON in UTF-8."""

    CODE = "unsupported-media-type"


class UriTooLong(Refusal):
    """The URL is too long."""

    CODE = "uri-too-long"


class ValidationFailed(Refusal):
    """The request has invalid fields or parameters."""

    CODE = "validation-failed"


class VersionNotFound(Refusal):
    """There is no such version yet."""

    CODE = "version-not-found"

    version: int


class WaitingListFull(Refusal):
    """The waiting list of the flight is full."""

    CODE = "waiting-list-full"

    waiting: int


class WaitingPartyNotFound(Refusal):
    """There is no such waiting party."""

    CODE = "waiting-party-not-found"

    waiting_id: UUID


class WebhookDisabled(Refusal):
    """The webhook is disabled."""

    CODE = "webhook-disabled"


class WebhookNotFound(Refusal):
    """There is no such webhook."""

    CODE = "webhook-not-found"


REFUSALS = {kind.CODE: kind for kind in Refusal.__subclasses__()}
