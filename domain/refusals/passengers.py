"""Refusals about the passengers of a booking."""

from uuid import UUID

from domain.refusals.base import Refusal


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
