"""Refusals: every reason for which the ledger refuses a well-formed command."""

import re
from datetime import datetime
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar
from uuid import UUID

from msgspec import UnsetType

from domain.booking_record import CancelReason
from domain.money import Money
from domain.passengers import Travel

if TYPE_CHECKING:
    from domain.commands.bookings import RefundAmount
    from domain.flight import FlightStatus
    from domain.waiting import WaitingStatus

T = TypeVar("T")
Sometimes: TypeAlias = T | UnsetType
"""A fact that not every refusal of its kind has, such as one that earlier releases did not record."""


class Refusal(Exception):
    """The ledger refused the command.

    The docstring of each kind is shown to callers: its first line is the title, the rest is the advice, and
    the detail ends with the advice. Its annotations without a value are its facts.
    """

    code: ClassVar[str] = "refusal"
    title: ClassVar[str] = ""
    advice: ClassVar[str] = ""
    """What the caller can do next."""
    states_all: ClassVar[bool] = False
    """True if a detail of its own already says what to do, so that the advice is not added to it."""
    is_recorded: ClassVar[bool] = True
    """True if the refusal is the final outcome under its key; False if the same key can be used again."""
    refused_at: int = 0
    """Position of the log that the ledger refused at; 0 for a refusal that it did not make."""

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.title, _, rest = cleandoc(cls.__doc__ or "").partition("\n")
        cls.advice = " ".join(rest.split())

    def __init__(self, detail: str = "", /, **facts: Any) -> None:
        parts = [detail] if detail and self.states_all else [detail, self.advice]
        self.detail = " ".join(filter(None, parts)) or self.title
        super().__init__(self.detail)
        self.facts = facts
        vars(self).update(facts)


# The command names something that does not exist, at least for its caller. Such a refusal is not recorded:
# nothing was decided about anything, and a client could fill the disk with records about invented ids.
class NothingFound(Refusal):
    is_recorded = False


class FlightNotFound(NothingFound):
    """There is no such flight.

    Check the id; `GET /api/v1/flights` lists the flights.
    """

    flight_id: Sometimes[UUID]


class BookingNotFound(NothingFound):
    """There is no such booking.

    Check the id. A booking of another user looks like an unknown one.
    """

    booking_id: Sometimes[UUID]


class ItineraryNotFound(NothingFound):
    """There is no such itinerary.

    Check the id. An itinerary of another user looks like an unknown one.
    """

    itinerary_id: Sometimes[UUID]


class FlightAlreadyScheduled(Refusal):
    """This flight number already leaves that airport on that day.

    Use the flight `flight_id`, or schedule another number or day.
    """

    flight_id: UUID


class FlightNotBookable(Refusal):
    """The flight has departed or was cancelled.

    Book another flight.
    """

    flight_id: UUID
    flight_status: "FlightStatus"


class FlightDeparted(Refusal):
    """The flight has departed.

    Choose a flight that is still to depart; after a departure an operator can record travel and refunds.
    """

    flight_id: UUID


class FlightNotDeparted(Refusal):
    """The flight has not departed yet.

    Repeat the command after the departure, with a new idempotency key.
    """

    flight_id: UUID


class DepartureInPast(Refusal):
    """The departure lies in the past.

    State a later `departs_at`. Only a new flight may lie in the past: send `"backfill": true` with it.
    """

    now: datetime


class TimesUnchanged(Refusal):
    """The flight already has these times.

    Read the flight: there is nothing to change.
    """

    flight_id: UUID


class AlreadyOnFlight(Refusal):
    """The booking is already on this flight.

    Name another flight in `flight_id`.
    """

    booking_id: UUID
    flight_id: UUID


class CurrencyDiffers(Refusal):
    """The flight is priced in another currency than the booking.

    Move the booking to a flight in its own currency.
    """

    flight_id: UUID
    currencies: list[str]


class NoScheduleChange(Refusal):
    """The booking has no schedule change that awaits an answer.

    Read the booking: the change was answered, or there was none.
    """

    booking_id: UUID


class NotEnoughSeats(Refusal):
    """The flight has fewer free seats than asked for.

    Ask for fewer seats, choose another flight, or join the waiting list of this one.
    """

    flight_id: Sometimes[UUID]
    asked: int
    free: int
    why: Sometimes[str]


class TooManyHolds(Refusal):
    """The user holds too many unpaid seats.

    Pay for some, give some back, or wait for a hold to expire.
    """

    asked: int
    unpaid: int
    limit: int


class SeatsInUse(Refusal):
    """More seats are held and booked than the flight would have.

    Keep at least `in_use` seats, or cancel bookings first.
    """

    asked: int
    overbooking: Sometimes[int]
    in_use: int


class TotalTooLarge(Refusal):
    """The total cost exceeds the largest amount that the ledger can record.

    Book fewer seats at a time.
    """

    price: Sometimes[Money]
    seats: Sometimes[int]


class BookingCancelled(Refusal):
    """The booking is cancelled, which is final.

    Make a new booking.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]
    reason: CancelReason | None


class BookingInItinerary(Refusal):
    """The booking belongs to an itinerary.

    Pay, capture or void the itinerary `itinerary_id` instead.
    """

    booking_id: UUID
    itinerary_id: UUID


class CurrenciesMixed(Refusal):
    """The flights of an itinerary have prices in several currencies.

    Make an itinerary for each currency.
    """

    currencies: list[str]


class HoldExpired(Refusal):
    """The hold on the seats expired before the payment.

    Make a new booking.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]
    expired_at: datetime


class HoldNotDue(Refusal):
    """The booking has no expired hold.

    Wait until the hold has expired.
    """

    is_recorded = False
    booking_id: UUID


class AlreadyPaid(Refusal):
    """The booking is already paid for.

    Read the booking: there is nothing left to pay.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]
    payment_id: UUID


class PaymentInProgress(Refusal):
    """A payment for the booking is already in progress.

    Wait until it is captured, voided or declined, and read the booking again.
    """

    booking_id: UUID
    payment_id: UUID


class PriceMismatch(Refusal):
    """The amount or currency differs from the total cost of the booking.

    Show `expected` to the user, and pay that amount with a new idempotency key.
    """

    expected: Money


class PaymentNotPending(Refusal):
    """The booking has no payment that can be captured or voided.

    Read the booking: its payment is settled already, or was never made.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]


class BookingNotPaid(Refusal):
    """The booking is not paid for.

    Pay for it first, or cancel it.
    """

    booking_id: UUID


class TravelAlreadyRecorded(Refusal):
    """The booking is already recorded so.

    Read the booking: there is nothing to change.
    """

    booking_id: UUID
    travel: Travel | None


class RefundNotStated(Refusal):
    """The flight has departed, so the cancellation has to state the refund.

    Send `refund`: `full`, `none` or an amount up to `paid`.
    """

    booking_id: UUID
    paid: Money


class RefundTooLarge(Refusal):
    """The refund exceeds what was paid for the booking, or has another currency.

    State an amount up to `paid`, in its currency.
    """

    asked: "RefundAmount"
    paid: Money


class PassengersNotSeats(Refusal):
    """A booking has as many passengers as seats; infants on laps need none.

    Send `expected` passengers with a seat, or change the seats of the booking first.
    """

    expected: int
    given: int


class InfantWithoutAdult(Refusal):
    """Each infant on a lap needs an adult in the same booking.

    Keep an adult for each infant.
    """

    infants: int
    adults: int


class PassengersNotStated(Refusal):
    """The booking names its passengers, and the command does not say which of them leave.

    Send the ids of those that leave as `passengers`.
    """

    booking_id: UUID
    expected: int


class SplitWithoutSeat(Refusal):
    """Both bookings of a split need a passenger with a seat.

    Choose other passengers.
    """

    booking_id: UUID
    leaving: int
    staying: int


class PassengerUnknown(Refusal):
    """The booking has no such passenger.

    Read the booking for the ids of its passengers.
    """

    passengers: list[UUID]


class SeatsNotFewer(Refusal):
    """A booking can only give seats back.

    Send fewer seats than it has, or cancel it to give all of them back.
    """

    asked: int
    seats: int


class PaymentNotFound(NothingFound):
    """There is no such payment.

    Check the id; a booking shows that of its latest payment.
    """

    payment_id: Sometimes[UUID]


class RefundNotFound(NothingFound):
    """There is no such refund.

    Check the id; `GET /api/v1/refunds` lists the refunds.
    """

    refund_id: Sometimes[UUID]


class RefundAlreadySettled(Refusal):
    """The refund is already settled.

    Read the list of refunds: there is nothing left to settle.
    """

    refund_id: UUID
    settled_at: datetime | None


class RefundInProgress(Refusal):
    """The refund is in progress, and the gateway has not answered yet.

    Wait for its answer, and read the list of refunds again.
    """

    refund_id: UUID
    requested_at: datetime | None


class RefundRefused(Refusal):
    """The gateway refused the refund.

    Settle it by hand, with the reference of that payment.
    """

    refund_id: UUID
    reason: str | None


class RefundNotThroughGateway(Refusal):
    """The payment did not come through a gateway.

    Settle the refund by hand, with its reference.
    """

    refund_id: UUID


class PaymentDeclined(Refusal):
    """The payment was declined.

    Pay by another means of payment, with a new idempotency key.
    """

    booking_id: Sometimes[UUID]
    itinerary_id: Sometimes[UUID]
    payment_id: UUID
    reason: str | None


class TooManyPayments(Refusal):
    """Too many payments for this booking were declined.

    Make a new booking.
    """

    booking_id: UUID
    declined: int


class SeatsAvailable(Refusal):
    """The flight has enough free seats.

    Book them instead of waiting.
    """

    asked: int
    free: int


class AlreadyWaiting(Refusal):
    """The user is already on the waiting list of this flight.

    Read the entry `waiting_id`, or leave the list first.
    """

    waiting_id: UUID


class PartyLargerThanFlight(Refusal):
    """The party needs more seats than the flight has.

    Wait with a smaller party, or choose another flight.
    """

    asked: int
    seats: int
    overbooking: Sometimes[int]


class WaitingListFull(Refusal):
    """The waiting list of the flight is full.

    Try again later with a new idempotency key, or choose another flight.
    """

    waiting: int


class WaitingPartyNotFound(NothingFound):
    """There is no such waiting party.

    Check the id. An entry of another user looks like an unknown one.
    """

    waiting_id: Sometimes[UUID]


class NotWaiting(Refusal):
    """The party is no longer waiting.

    Read the entry: its status says what became of it.
    """

    waiting_id: UUID
    was: "WaitingStatus"


class WaitingNotOver(Refusal):
    """The flight can still take the party, or the party is no longer waiting.

    Read the entry: its status says whether it still waits.
    """

    is_recorded = False
    waiting_id: UUID


class StaleVersion(Refusal):
    """The current version differs from the version in the request.

    Read it again, and send the command with the present `ETag` if it still makes sense.
    """

    is_recorded = False
    expected: Sometimes[int]
    version: int


class VersionNotFound(NothingFound):
    """There is no such version yet.

    Ask for `version` or an earlier one.
    """

    version: int


class CommandNotFound(NothingFound):
    """No outcome is recorded under this actor, operation and key.

    Check all three. If they are right, the command never arrived: send it, with the same key.
    """


class CheckpointNotFound(NothingFound):
    """No such checkpoint has been signed yet.

    Wait for the next checkpoint, and ask again.
    """

    last_position: Sometimes[int]


class ClockTooFar(Refusal):
    """The clock of a sandbox is not moved that far.

    Advance it by less, or start with another sandbox.
    """

    latest: datetime


class IdempotencyKeyReused(Refusal):
    """The idempotency key was already used with a different request.

    Use a new key for each command, and the same key only to repeat the same command.
    """

    is_recorded = False


class BulkKeysMixed(Refusal):
    """Some keys of the atomic bulk are known and others are new.

    Repeat the first request unchanged, or use new keys for all items.
    """

    is_recorded = False
    known_keys: list[str]


class NotYourAccount(Refusal):
    """The caller may act only for its own account.

    Send the `sub` of the token as `user_id`, or use a token of an operator.
    """

    is_recorded = False
