"""Refusals: every way in which the ledger says no to a well-formed command."""

import re
from typing import Any, ClassVar


class Refusal(Exception):
    """The ledger refused the command."""

    code: ClassVar[str] = "refusal"
    title: ClassVar[str] = ""
    is_recorded: ClassVar[bool] = True
    """Is the refusal the command's outcome for ever, or may the same key be tried again?"""

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.title = (cls.__doc__ or "").partition("\n")[0]

    def __init__(self, detail: str = "", /, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.facts = facts


class FlightNotFound(Refusal):
    """There is no such flight."""


class BookingNotFound(Refusal):
    """There is no such booking."""


class FlightAlreadyScheduled(Refusal):
    """This flight number already leaves that airport on that day."""


class FlightNotBookable(Refusal):
    """The flight has departed or was cancelled."""


class NotEnoughSeats(Refusal):
    """The flight has fewer free seats than asked for."""


class SeatsInUse(Refusal):
    """More seats are held and booked than the flight would have left."""


class TotalTooLarge(Refusal):
    """The total cost would exceed the largest amount that money can have here."""


class BookingCancelled(Refusal):
    """The booking is cancelled, and nothing leaves that state."""


class HoldExpired(Refusal):
    """The hold on the seats ran out before the payment."""


class HoldNotDue(Refusal):
    """The booking has no hold that has run out."""

    is_recorded = False


class AlreadyPaid(Refusal):
    """The booking is already paid for."""


class PaymentInProgress(Refusal):
    """A payment for the booking is already in progress."""


class PriceMismatch(Refusal):
    """The amount or currency is not what the booking costs."""


class PaymentNotPending(Refusal):
    """No payment of the booking waits to be captured or voided."""


class SeatsNotFewer(Refusal):
    """Seats of a booking can only become fewer, and cancelling gives all back."""


class RefundNotFound(Refusal):
    """There is no such refund."""


class RefundAlreadySettled(Refusal):
    """The refund was settled before."""


class RefundInProgress(Refusal):
    """The gateway was asked to pay the refund, and has not answered yet."""


class RefundRefused(Refusal):
    """The gateway will not pay the refund: settle it by hand."""


class RefundNotThroughGateway(Refusal):
    """The payment did not come through a gateway: settle the refund by hand."""


class PaymentDeclined(Refusal):
    """The payment was declined."""


class TooManyPayments(Refusal):
    """As many payments of this booking were declined as may be: make another booking."""


class SeatsAvailable(Refusal):
    """The flight has the seats: book them instead of waiting."""


class AlreadyWaiting(Refusal):
    """This user waits for the flight already."""


class PartyLargerThanFlight(Refusal):
    """The party is larger than the flight."""


class WaitingListFull(Refusal):
    """As many parties wait for the flight as may."""


class WaitingPartyNotFound(Refusal):
    """There is no such entry on a waiting list."""


class NotWaiting(Refusal):
    """The entry does not wait any more."""


class WaitingNotOver(Refusal):
    """The entry waits for a flight that may still take it, or waits no more."""

    is_recorded = False


class StaleVersion(Refusal):
    """There is another version now than the one that the command was meant for."""


class CommandNotFound(Refusal):
    """No outcome is recorded under this actor, operation and key."""


class CheckpointNotFound(Refusal):
    """No checkpoint of this has been signed yet."""


class IdempotencyKeyReused(Refusal):
    """The idempotency key was already used with a different request."""

    is_recorded = False


class NotYourAccount(Refusal):
    """The caller may act for nobody but itself."""

    is_recorded = False
