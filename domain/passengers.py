"""Passengers: the persons that travel on the seats of a booking, and the rules for a party of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum
from uuid import UUID

import msgspec

from domain.personal import PersonalText


class PassengerType(Enum):
    """An infant on a lap has no seat of its own."""

    ADULT = "adult"
    CHILD = "child"
    INFANT_ON_LAP = "infant_on_lap"


class Travel(Enum):
    """What became of a paid booking, or of one of its passengers, after the departure."""

    FLOWN = "flown"
    NO_SHOW = "no_show"


class Passenger(msgspec.Struct, frozen=True, omit_defaults=True):
    """One passenger of a booking. The passenger keeps the `id` in a booking that is split off."""

    id: UUID
    type: PassengerType
    given_name: PersonalText
    family_name: PersonalText
    date_of_birth: PersonalText | None = None
    travel: Travel | None = None

    @property
    def has_seat(self) -> bool:
        return self.type is not PassengerType.INFANT_ON_LAP


def with_texts(passenger: Passenger, change: Callable[[str], str]) -> Passenger:
    """Return the passenger with changed personal texts, for example tokens in place of sealed ones."""
    return msgspec.structs.replace(
        passenger,
        given_name=change(passenger.given_name),
        family_name=change(passenger.family_name),
        date_of_birth=passenger.date_of_birth and change(passenger.date_of_birth),
    )


class PassengerTravel(msgspec.Struct, frozen=True):
    """What became of one passenger."""

    id: UUID
    travel: Travel


def count_seats(passengers: Iterable[Passenger]) -> int:
    """Return the number of seats that these passengers need."""
    return sum(passenger.has_seat for passenger in passengers)


def without(passengers: Sequence[Passenger], ids: Collection[UUID]) -> list[Passenger]:
    """Return the other passengers, in the order of the booking."""
    return [passenger for passenger in passengers if passenger.id not in ids]


def with_travel(passengers: Sequence[Passenger], records: Iterable[PassengerTravel]) -> list[Passenger]:
    """Return all passengers with these records of their travel."""
    travel = {record.id: record.travel for record in records}
    return [
        msgspec.structs.replace(passenger, travel=travel.get(passenger.id, passenger.travel))
        for passenger in passengers
    ]


def travel_of(passengers: Iterable[Passenger]) -> Travel:
    """Return the record of the booking: flown if one of its passengers flew, or else a no-show."""
    flew = any(passenger.travel is Travel.FLOWN for passenger in passengers)
    return Travel.FLOWN if flew else Travel.NO_SHOW
