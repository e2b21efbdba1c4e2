"""People: a block says everything by pseudonyms, and answers say it by names again."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncConnection

from database.person_tokens import ERASED_NAME
from domain.commands import Command, SettleRefund
from domain.working_set import WorkingSet
from ledger.keyring import SEALED, Keyring, Person
from ledger.log import RecordedEvent
from ledger.records import RecordedCommand
from ledger.submission import TEXTS, Answer, Submission

# The loop is unrolled, which takes a quarter of what a choice at each character would.
_WHO = re.compile(rb'("(?:user_id|actor)":)("[^"\\]*(?:\\.[^"\\]*)*")')
_TEXT = re.compile(rb'("(?:note|reason|reference)":)"(sealed:v1:[\w-]*)"')
_PSEUDONYM = re.compile(r"psn_[0-9a-f]{32}")


KEYED: LiteralString = "select value from ledger.secrets where name = 'master-key-check'"
OTHER_MASTER_KEY = "SEATLEDGER_MASTER_KEY: names in this database are sealed by another master key"


class OtherMasterKey(psycopg.OperationalError):
    """The names in the database are sealed by another master key than this process has."""


@dataclass(frozen=True, slots=True)
class Known:
    """Some people by their pseudonyms, and who made which booking.

    Puts tokens where pseudonyms and sealed texts stand; `Keyring.opened` makes names and texts of them.
    """

    people: Mapping[str, Person]
    bookers: Mapping[UUID, str] = field(default_factory=dict)

    def shown(self, person: str) -> str:
        """A token; of who is forgotten the pseudonym, or no name where the log itself has it in clear."""
        known = self.people.get(person)
        if known is None or known.token is None:
            return ERASED_NAME if known and is_in_clear(person) else person
        return known.token

    def marked(self, body: bytes, booking_id: UUID | None = None) -> bytes:
        """JSON with tokens; texts in it are about that booking."""

        def name(match: re.Match[bytes]) -> bytes:
            return match[1] + _encode(self.shown(msgspec.json.decode(match[2], type=str)))

        body = _WHO.sub(name, body)
        booker = self.people.get(self.bookers.get(booking_id, "")) if booking_id else None
        if booker is None or b'"sealed:v1:' not in body:
            return body

        def text(match: re.Match[bytes]) -> bytes:
            token = booker.token_of(match[2].decode(), str(booking_id))
            return match[0] if token is None else match[1] + _encode(token)

        return _TEXT.sub(text, body)


def is_in_clear(person: str) -> bool:
    """Is it no pseudonym but a name, which the log had before there were any?"""
    return _PSEUDONYM.fullmatch(person) is None


class BlockPeople:
    """The people of one block: those it names, and whose bookings it touches; read under the head lock."""

    def __init__(self, keyring: Keyring, rows: Sequence[tuple[Any, ...]], working_set: WorkingSet) -> None:
        """Columns of `rows` as PEOPLE selects them. Raises OtherMasterKey."""
        if rows[0][0] != keyring.check:
            raise OtherMasterKey(OTHER_MASTER_KEY)
        self._keyring = keyring
        self._working_set = working_set
        found = [Person(*row[1:]) for row in rows if row[1] is not None]
        self._people = {person.person: person for person in found}
        self._by_lookup = {person.lookup: person for person in found if person.lookup}
        self._new: dict[str, Person] = {}
        self._names: dict[bytes, bytes] = {}

    def pseudonymise(self, submissions: Sequence[Submission]) -> None:
        """From here on they speak as the log does."""
        for submission in submissions:
            persons = {name: self._person(name).person for name in submission.names}
            submission.pseudonymise(persons, self._sealer(submission, persons))

    def newcomers(
        self, commands: Sequence[RecordedCommand], submissions: Sequence[Submission]
    ) -> list[Person]:
        """Whom these commands record for the first time; of others that were named nothing is kept."""
        if not self._new:
            return []
        recorded = {(command.actor, command.operation, command.key) for command in commands}
        named = (s for s in submissions if s.command_key in recorded)
        lookups = {self._keyring.lookup(name) for submission in named for name in submission.names}
        return [person for person in self._new.values() if person.lookup in lookups]

    def shown(self, answer: Answer) -> Answer:
        """As the caller sees it; the first time and whenever it is repeated."""
        body, subject_id = answer.body, answer.subject_id
        match = _WHO.search(body)
        if match is None:
            return answer
        name = self._names.get(match[2])
        if name is not None and b'"sealed:v1:' not in body:
            # Nearly always it is about somebody whom a command of this block names: nothing need be opened.
            body = body.replace(match[0], match[1] + name)
        else:
            booking = self._working_set.bookings.get(subject_id) if subject_id else None
            known = Known(self._people, {booking.id: booking.user_id} if booking else {})
            body = self._keyring.opened(known.marked(body, subject_id))
        return Answer(answer.status, body, answer.position, subject_id, answer.version, answer.replayed)

    def _person(self, name: str) -> Person:
        lookup = self._keyring.lookup(name)
        person = self._by_lookup.get(lookup)
        if person is None:
            person = self._keyring.newcomer(name)
            self._by_lookup[lookup] = self._people[person.person] = self._new[person.person] = person
        self._names[_encode(person.person)] = _encode(name)
        return person

    def _sealer(self, submission: Submission, persons: Mapping[str, str]) -> Callable[[str], str] | None:
        """For whom a text is sealed: the booking's user, or whoever wrote it where there is no booking."""
        command, caller = submission.original
        if type(command) not in TEXTS or not persons:
            return None
        booking = _booking_of(command, self._working_set)
        person = self._people.get(booking.user_id) if booking else self._people[persons[caller.subject]]
        about = str(booking.id if booking else "")
        return lambda text: self._keyring.seal(person or Person(""), text, about)


def _booking_of(command: Command, working_set: WorkingSet) -> Any:
    if isinstance(command, SettleRefund):
        return next((b for b in working_set.bookings.values() if command.refund_id in b.refunds), None)
    return working_set.bookings.get(getattr(command, "booking_id"))  # noqa: B009


_encode = msgspec.json.Encoder().encode

NOBODY = Known({})


async def known(
    connection: AsyncConnection[Any], persons: Iterable[str], bookings: Iterable[UUID] = ()
) -> Known:
    """These people, and who made these bookings."""
    cursor = await connection.execute(_KNOWN, (list(bookings), list(persons)), prepare=True)
    rows = await cursor.fetchall()
    return Known({row[1]: Person(*row[1:]) for row in rows}, {row[0]: row[1] for row in rows if row[0]})


async def known_of(connection: AsyncConnection[Any], events: Sequence[RecordedEvent]) -> Known:
    """All that these events name, and those whose bookings they tell something of."""
    persons = {event.actor for event in events} | named_in([event.state for event in events])
    bookings = {event.originator_id for event in events if f'"{SEALED}' in event.state}
    return await known(connection, persons, bookings)


async def by_names(
    connection: AsyncConnection[Any], keyring: Keyring, events: Sequence[RecordedEvent]
) -> list[RecordedEvent]:
    """The events with names and texts in clear, if this master key opens them; hashes do not fit that."""
    row = await (await connection.execute(KEYED)).fetchone()
    if row is None or row[0] != keyring.check:
        return list(events)
    people = await known_of(connection, events)
    return [
        msgspec.structs.replace(
            event,
            actor=keyring.open(people.shown(event.actor)) or people.shown(event.actor),
            state=keyring.opened(people.marked(event.state.encode(), event.originator_id)).decode(),
        )
        for event in events
    ]


def named_in(texts: Iterable[str]) -> set[str]:
    """Whose pseudonyms stand as `user_id` or `actor` in these texts of JSON."""
    found = [match for text in texts for match in _WHO.finditer(text.encode())]
    return {msgspec.json.decode(match[2], type=str) for match in found}


async def recorded_as(
    connection: AsyncConnection[Any], keyring: Keyring | None, names: Iterable[str | None]
) -> dict[str | None, str | None]:
    """Their pseudonyms; an empty one, which nobody has, for who was never seen. None stays None."""
    names = list(names)
    if keyring is None:
        return {name: name for name in names}
    lookups = {name: keyring.lookup(name) for name in names if name is not None}
    cursor = await connection.execute(_PERSONS, (list(lookups.values()),), prepare=True)
    persons: dict[bytes, str] = dict(await cursor.fetchall())
    return {name: None if name is None else persons.get(lookups[name], "") for name in names}


# Arrays in subqueries, so that they are not planned for anew each time, see `database.head.ID_ARRAY`.
_PERSONS: LiteralString = "select lookup, person from ledger.people where lookup = any ((select %s)::bytea[])"
_KNOWN: LiteralString = """
    select b.id, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from views.bookings as b join ledger.people as p on p.person = b.user_id
    where b.id = any ((select %s)::uuid[])
    union all
    select null, person, lookup, wrapped_key, sealed_name from ledger.people
    where person = any ((select %s)::text[])
"""
