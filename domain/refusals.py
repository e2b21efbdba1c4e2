"""Refusals: every reason for which the ledger refuses a well-formed command."""

import re
from typing import Any, ClassVar


class Refusal(Exception):
    """The ledger refused the command."""

    code: ClassVar[str] = "refusal"
    title: ClassVar[str] = ""
    is_recorded: ClassVar[bool] = True
    """True if the refusal is the final outcome under its key; False if the same key can be used again."""
    position: int = 0
    """Position of the log that the ledger refused at; 0 for a refusal that it did not make."""

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.title = (cls.__doc__ or "").partition("\n")[0]

    def __init__(self, detail: str = "", /, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.facts = facts


# The command names something that does not exist, at least for its caller. Such a refusal is not recorded:
# nothing was decided about anything, and a client could fill the disk with records about invented ids.
class NothingFound(Refusal):
    is_recorded = False


class FlightNotFound(NothingFound):
    """There is no such flight."""


class BookingNotFound(NothingFound):
    """There is no such booking."""


class ItineraryNotFound(NothingFound):
    """There is no such itinerary."""


class FlightAlreadyScheduled(Refusal):
    """This flight number already leaves that airport on that day."""


class FlightNotBookable(Refusal):
    """The flight has departed or was cancelled."""


class FlightDeparted(Refusal):
    """The flight has departed."""


class FlightNotDeparted(Refusal):
    """The flight has not departed yet."""


class DepartureInPast(Refusal):
    """The departure lies in the past."""


class TimesUnchanged(Refusal):
    """The flight already has these times."""


class NoScheduleChange(Refusal):
    """The booking has no schedule change that awaits an answer."""


class NotEnoughSeats(Refusal):
    """The flight has fewer free seats than asked for."""


class TooManyHolds(Refusal):
    """The user holds too many unpaid seats; pay for some, give some back, or wait for a hold to expire."""


class SeatsInUse(Refusal):
    """More seats are held and booked than the flight would have."""


class TotalTooLarge(Refusal):
    """The total cost exceeds the largest amount that the ledger can record."""


class BookingCancelled(Refusal):
    """The booking is cancelled, which is final."""


class BookingInItinerary(Refusal):
    """The booking belongs to an itinerary; pay, capture or void the itinerary instead."""


class CurrenciesMixed(Refusal):
    """The flights of an itinerary have prices in several currencies; make an itinerary for each currency."""


class HoldExpired(Refusal):
    """The hold on the seats expired before the payment; make a new booking."""


class HoldNotDue(Refusal):
    """The booking has no expired hold."""

    is_recorded = False


class AlreadyPaid(Refusal):
    """The booking is already paid for."""


class PaymentInProgress(Refusal):
    """A payment for the booking is already in progress."""


class PriceMismatch(Refusal):
    """The amount or currency differs from the total cost of the booking."""


class PaymentNotPending(Refusal):
    """The booking has no payment that can be captured or voided."""


class BookingNotPaid(Refusal):
    """The booking is not paid for."""


class TravelAlreadyRecorded(Refusal):
    """The booking is already recorded so."""


class RefundNotStated(Refusal):
    """The flight has departed, so the cancellation has to state the refund: full, none or an amount."""


class RefundTooLarge(Refusal):
    """The refund exceeds what was paid for the booking, or has another currency."""


class SeatsNotFewer(Refusal):
    """A booking can only give seats back; cancel it to give all of them back."""


class RefundNotFound(NothingFound):
    """There is no such refund."""


class RefundAlreadySettled(Refusal):
    """The refund is already settled."""


class RefundInProgress(Refusal):
    """The refund is in progress: the gateway has not answered yet."""


class RefundRefused(Refusal):
    """The gateway refused the refund; settle it by hand."""


class RefundNotThroughGateway(Refusal):
    """The payment did not come through a gateway; settle the refund by hand."""


class PaymentDeclined(Refusal):
    """The payment was declined."""


class TooManyPayments(Refusal):
    """Too many declined payments for this booking; make a new booking."""


class SeatsAvailable(Refusal):
    """The flight has enough free seats; book them instead of waiting."""


class AlreadyWaiting(Refusal):
    """The user is already on the waiting list of this flight."""


class PartyLargerThanFlight(Refusal):
    """The party needs more seats than the flight has."""


class WaitingListFull(Refusal):
    """The waiting list of the flight is full."""


class WaitingPartyNotFound(NothingFound):
    """There is no such waiting party."""


class NotWaiting(Refusal):
    """The party is no longer waiting."""


class WaitingNotOver(Refusal):
    """The flight can still take the party, or the party is no longer waiting."""

    is_recorded = False


class StaleVersion(Refusal):
    """The current version differs from the version in the request."""

    is_recorded = False


class VersionNotFound(NothingFound):
    """There is no such version yet."""


class CommandNotFound(NothingFound):
    """No outcome is recorded under this actor, operation and key."""


class CheckpointNotFound(NothingFound):
    """No such checkpoint has been signed yet."""


class IdempotencyKeyReused(Refusal):
    """The idempotency key was already used with a different request."""

    is_recorded = False


class BulkKeysMixed(Refusal):
    """Some keys of the atomic bulk are known and others are new; repeat the first request or use new keys."""

    is_recorded = False


class NotYourAccount(Refusal):
    """The caller may act only for its own account."""

    is_recorded = False
