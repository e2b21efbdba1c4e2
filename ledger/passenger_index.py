"""The index of passengers by family name: a keyed hash of the folded name, which finds bookings.

It is no part of the log and derives from the sealed names in the view of bookings. Without the master key
guesses cannot be tried; with it, a name that is in the index is found by trying names.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import msgspec
from psycopg import Connection

from database.table import ArrayTable, columns_of
from domain.booking import Booking
from domain.passengers import Passenger
from ledger.keyring import SEALED, Keyring, Person


class PassengerName(NamedTuple):
    """One row: a booking has a passenger with this family name."""

    lookup: bytes
    booking_id: UUID


NAMES: ArrayTable[PassengerName] = ArrayTable("passenger_names", columns_of(PassengerName))
REMOVE: LiteralString = "delete from passenger_names where booking_id = any (%b::uuid[])"


def fold_name(name: str) -> str:
    """Return the name without case, accents, spaces and punctuation, as it is searched for."""
    parts = unicodedata.normalize("NFKD", name).casefold()
    folded = "".join(character for character in parts if character.isalnum())
    return folded or parts


def names_of(
    booking_id: UUID, passengers: Iterable[Passenger], person: Person | None, keyring: Keyring
) -> set[PassengerName]:
    """Return the rows of a booking of the user `person`; an erased user has none."""
    names = (_clear_name(passenger.family_name, person, keyring) for passenger in passengers)
    return {PassengerName(keyring.family_hash(fold_name(name)), booking_id) for name in names if name}


def _clear_name(name: str, person: Person | None, keyring: Keyring) -> str | None:
    if not name.startswith(SEALED):
        return name
    return keyring.decrypt((person and person.text_token(name, "")) or "")


def rows_of_bookings(bookings: Sequence[Booking], persons: Any, keyring: Keyring) -> list[PassengerName]:
    """Return the rows of these bookings; `persons` are their users by pseudonym."""
    found: set[PassengerName] = set()
    for booking in bookings:
        found |= names_of(booking.id, booking.passengers, persons.get(booking.user_id), keyring)
    return sorted(found)


def build_index(connection: Connection[Any], keyring: Keyring) -> None:
    """Write the whole index anew, for example for another master key."""
    connection.execute("delete from passenger_names")
    rows = expected_rows(connection, keyring)
    with connection.cursor() as cursor:
        cursor.executemany("insert into passenger_names (lookup, booking_id) values (%s, %s)", sorted(rows))


def expected_rows(connection: Connection[Any], keyring: Keyring) -> set[PassengerName]:
    """Return the rows that the index should have, from the view of bookings."""
    return rows_of_passengers(connection.execute(PASSENGERS, (_LOWEST, _GREATEST)).fetchall(), keyring)


def rows_of_passengers(found: Iterable[Sequence[Any]], keyring: Keyring) -> set[PassengerName]:
    """Return the rows that the index should have for rows that `PASSENGERS` selects."""
    rows: set[PassengerName] = set()
    for id, passengers, *person in found:
        user = Person(*person) if person[0] is not None else None
        # Text that is no list of passengers has no names; the check of the view names it.
        with suppress(msgspec.DecodeError):
            rows |= names_of(id, _decode(passengers), user, keyring)
    return rows


_LOWEST, _GREATEST = UUID(int=0), UUID(int=2**128 - 1)
_decode = msgspec.json.Decoder(list[Passenger]).decode
PASSENGERS: LiteralString = """
    select b.id, b.passengers, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from bookings as b left join people as p on p.person = b.user_id and p.forgotten_at is null
    where b.passengers is not null and b.id between %s and %s and not exists (
        select from people as gone where gone.person = b.user_id and gone.forgotten_at is not null)
"""
"""The bookings with passengers in a range of ids, each with its user; not those of erased users."""
