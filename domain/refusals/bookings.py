"""Refusals about a booking: its state, its hold, its seats and its journey."""

from datetime import datetime
from uuid import UUID

from domain.booking_state import CancelReason
from domain.money import Money
from domain.passengers import Travel
from domain.refusals.base import NothingFound, Refusal, Sometimes


class BookingNotFound(NothingFound):
    """There is no such booking.

    Check the id. A booking of another user looks like an unknown one.
    """

    booking_id: Sometimes[UUID]


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


class TooManyHolds(Refusal):
    """The user holds too many unpaid seats.

    Pay for some, give some back, or wait for a hold to expire.
    """

    asked: int
    unpaid: int
    limit: int


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


class SeatsNotFewer(Refusal):
    """A booking can only give seats back.

    Send fewer seats than it has, or cancel it to give all of them back.
    """

    asked: int
    seats: int
