"""Rules that the passengers of a booking have to meet together."""

from collections.abc import Collection, Sequence
from uuid import UUID

from domain.passengers import Passenger, PassengerType, count_seats
from domain.refusals.passengers import InfantWithoutAdult, PassengersNotSeats, PassengerUnknown


def require_party(passengers: Sequence[Passenger], seats: int) -> None:
    """Check that the passengers need exactly these seats, and that each infant has a lap.

    Raises PassengersNotSeats, InfantWithoutAdult.
    """
    needed = count_seats(passengers)
    if needed != seats:
        detail = f"{seats} seats, and {needed} passengers for them."
        raise PassengersNotSeats(detail, expected=seats, given=needed)
    types = [passenger.type for passenger in passengers]
    adults, infants = types.count(PassengerType.ADULT), types.count(PassengerType.INFANT_ON_LAP)
    if infants > adults:
        raise InfantWithoutAdult(f"{infants} infants, {adults} adults.", infants=infants, adults=adults)


def choose(passengers: Sequence[Passenger], ids: Collection[UUID]) -> list[Passenger]:
    """Return the passengers with these ids, in the order of the booking. Raises PassengerUnknown."""
    known = {passenger.id for passenger in passengers}
    if unknown := [id for id in ids if id not in known]:
        raise PassengerUnknown(passengers=unknown)
    return [passenger for passenger in passengers if passenger.id in ids]
