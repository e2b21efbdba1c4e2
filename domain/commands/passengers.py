"""Passengers in commands: the fields of a body, and the commands about the passengers of a booking."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.commands.base import BookingCommand
from domain.commands.fields import PARTY_SIZE_MAX
from domain.passengers import Passenger, PassengerType
from domain.personal import Personal

PASSENGERS_MAX = 2 * PARTY_SIZE_MAX
"""Each seat of a booking can have an adult with an infant on the lap."""

_NAME = Meta(
    min_length=1,
    max_length=100,
    pattern=r"^(?=.*\S)[^\x00-\x1f\x7f]*(?!\n)$",
    description="One line of text, as in the passport",
)
GivenName = Annotated[str, Personal.TEXT, _NAME]
FamilyName = Annotated[str, Personal.TEXT, _NAME]
DateOfBirth = Annotated[
    str,
    Personal.TEXT,
    Meta(
        pattern=r"^(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}(?!\n)$",
        description="ISO 8601 date",
        examples=["1984-02-29"],
        extra_json_schema={"format": "date"},
    ),
]


class NewPassenger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passenger as named by a caller; the names are sealed before the command is decided."""

    given_name: GivenName
    family_name: FamilyName
    type: PassengerType
    date_of_birth: DateOfBirth | None = None

    def __post_init__(self) -> None:
        # A sealed date begins with a letter.
        if self.date_of_birth and self.date_of_birth[0].isdigit():
            try:
                date.fromisoformat(self.date_of_birth)
            except ValueError:
                raise ValueError("date_of_birth must be a date of the calendar") from None

    def seal(self, seal: Callable[[str], str]) -> Self:
        return msgspec.structs.replace(
            self,
            given_name=seal(self.given_name),
            family_name=seal(self.family_name),
            date_of_birth=self.date_of_birth and seal(self.date_of_birth),
        )

    def as_passenger(self, id: UUID) -> Passenger:
        return Passenger(id, self.type, self.given_name, self.family_name, self.date_of_birth)


class NamedPassenger(NewPassenger, frozen=True, forbid_unknown_fields=True):
    """`id` names a passenger of the booking and stays; without it the passenger is new."""

    id: UUID | UnsetType = UNSET


NewPassengers = Annotated[tuple[NewPassenger, ...], Meta(min_length=1, max_length=PASSENGERS_MAX)]
NamedPassengers = Annotated[tuple[NamedPassenger, ...], Meta(min_length=1, max_length=PASSENGERS_MAX)]
PassengerIds = Annotated[
    tuple[UUID, ...],
    Meta(min_length=1, max_length=PASSENGERS_MAX, description="Ids of passengers of the booking"),
]


def seal_all(
    passengers: tuple[NewPassenger, ...] | UnsetType, seal: Callable[[str], str]
) -> tuple[NewPassenger, ...] | UnsetType:
    if isinstance(passengers, UnsetType):
        return UNSET
    return tuple(passenger.seal(seal) for passenger in passengers)


class SplitBooking(BookingCommand):
    """Make a second booking of some passengers."""

    OPERATION = "split_booking"
    READS_DEPARTURES = True

    passengers: PassengerIds


class NamePassengers(BookingCommand):
    """Replace the passengers of a booking."""

    OPERATION = "name_passengers"
    READS_DEPARTURES = True

    passengers: NamedPassengers

    @property
    def has_passengers(self) -> bool:
        return True

    def seal_passengers(self, seal: Callable[[str], str]) -> Self:
        return msgspec.structs.replace(self, passengers=seal_all(self.passengers, seal))
