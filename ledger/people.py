"""People in stored documents: pseudonyms become tokens, and tokens become names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncConnection

from database.person_tokens import ERASED_NAME
from ledger.keyring import SEALED, Keyring, Person, pseudonym_in
from ledger.log import RecordedEvent
from ledger.personal_json import names_in, substitute

_PSEUDONYM = re.compile(r"psn_[0-9a-f]{32}")

CURSOR_KEY: LiteralString = "select value from secrets where name = 'cursor'"
MASTER_KEY_CHECK: LiteralString = "select value from secrets where name = 'master-key-check'"


class OtherMasterKey(psycopg.OperationalError):
    """The process has another master key than the database, or only one of them has a key."""

    def __init__(self) -> None:
        super().__init__("SEATLEDGER_MASTER_KEY: names in this database are sealed by another master key")


@dataclass(frozen=True, slots=True)
class People:
    """Persons by pseudonym, and the pseudonym of each booking's user."""

    persons: Mapping[str, Person]
    booking_users: Mapping[UUID, str] = field(default_factory=dict)

    def name_token(self, pseudonym: str) -> str:
        """Return the token for a known person; the pseudonym if the person is unknown or was erased.

        Logs older than pseudonyms hold the name itself; for an erased person it becomes ERASED_NAME.
        """
        person = self.persons.get(pseudonym)
        token = person and person.name_token
        return token or (ERASED_NAME if person and is_in_clear(pseudonym) else pseudonym)

    def text_token(self, booking_id: UUID | None, text: str) -> str:
        """Return the token for a sealed text about this booking, or for a name of a passenger.

        Other text is returned unchanged.
        """
        if not text.startswith(SEALED):
            return text
        pseudonym = pseudonym_in(text) or (self.booking_users.get(booking_id) if booking_id else None)
        user = self.persons.get(pseudonym or "")
        if user is None:
            return text
        return user.text_token(text, str(booking_id)) or text

    def tokenise(self, document: bytes, booking_id: UUID | None = None) -> bytes:
        """Return the JSON document with tokens in place of pseudonyms and sealed texts."""
        if not self.persons:
            return document
        return substitute(document, self.name_token, partial(self.text_token, booking_id))


NO_PEOPLE = People({})


def is_in_clear(pseudonym: str) -> bool:
    """Return whether this is a name from a log older than pseudonyms."""
    return _PSEUDONYM.fullmatch(pseudonym) is None


async def find_people(
    connection: AsyncConnection[Any], pseudonyms: Iterable[str], bookings: Iterable[UUID] = ()
) -> People:
    """Read these persons and the users of these bookings."""
    cursor = await connection.execute(_PEOPLE, (list(bookings), list(pseudonyms)), prepare=True)
    rows = await cursor.fetchall()
    return People({row[1]: Person(*row[1:]) for row in rows}, {row[0]: row[1] for row in rows if row[0]})


async def find_people_in(connection: AsyncConnection[Any], events: Sequence[RecordedEvent]) -> People:
    """Read the persons that these events name, and the users of the bookings with sealed texts."""
    pseudonyms = {event.actor for event in events}.union(*(names_in(event.state) for event in events))
    bookings = {event.originator_id for event in events if f'"{SEALED}' in event.state}
    return await find_people(connection, pseudonyms, bookings)


async def decrypt_events(
    connection: AsyncConnection[Any], keyring: Keyring, events: Sequence[RecordedEvent]
) -> list[RecordedEvent]:
    """Return the events with decrypted names and texts, which their hashes do not cover.

    With another master key, or none, return the events unchanged.
    """
    row = await (await connection.execute(MASTER_KEY_CHECK)).fetchone()
    if row is None or row[0] != keyring.check:
        return list(events)
    people = await find_people_in(connection, events)
    return [
        msgspec.structs.replace(
            event,
            actor=keyring.decrypt(people.name_token(event.actor)) or people.name_token(event.actor),
            state=keyring.decrypt_tokens(people.tokenise(event.state.encode(), event.originator_id)).decode(),
        )
        for event in events
    ]


async def pseudonyms_of(
    connection: AsyncConnection[Any], keyring: Keyring, names: Iterable[str | None]
) -> dict[str | None, str | None]:
    """Map names to pseudonyms. Unknown names map to '', which matches no row; None maps to None."""
    lookups = {name: keyring.lookup_hash(name) for name in names if name is not None}
    cursor = await connection.execute(_PSEUDONYMS, (list(lookups.values()),), prepare=True)
    recorded: dict[bytes, str] = dict(await cursor.fetchall())
    return {None: None, **{name: recorded.get(hash, keyring.unknown(name)) for name, hash in lookups.items()}}


# Arrays in subqueries are not planned again at each execution, see `database.head.ID_ARRAY`.
_PSEUDONYMS: LiteralString = "select lookup, person from people where lookup = any ((select %s)::bytea[])"
_PEOPLE: LiteralString = """
    select b.id, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from bookings as b join people as p on p.person = b.user_id
    where b.id = any ((select %s)::uuid[])
    union all
    select null, person, lookup, wrapped_key, sealed_name from people
    where person = any ((select %s)::text[])
"""
