"""The people pass: every pseudonym stands for a person, and sealed data of persons not erased decrypts."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from audit.verify.divergence import Divergence
from domain.personal import name_fields, text_keys
from ledger.codec import EVENT_TYPES
from ledger.keyring import SEALED, Keyring, Person
from ledger.passenger_index import PassengerName, expected_rows
from ledger.people import MASTER_KEY_CHECK
from ledger.personal_json import texts_in

BATCH = 5_000

_VIEWS = {"booking": "bookings", "waiting": "waiting"}
"""The view of each aggregate with events that name persons. Columns have the names of the events' fields."""

NAME_COLUMNS = {
    (_VIEWS[topic.partition(".")[0]], field)
    for topic, event in EVENT_TYPES.items()
    for field in name_fields(event)
}
SEALED_FIELDS = {topic: keys for topic, event in EVENT_TYPES.items() if (keys := text_keys(event))}
"""The fields with sealed text, by topic, also those of the passengers inside an event."""

_HEAD = "select coalesce(max(position), 0) from events"
_NO_PERSON = "not exists (select from people p where p.person = {})"
_UNKNOWN_ACTORS = f"""
    select min(e.position) as position from events e
    where e.actor <> 'seatledger' and {_NO_PERSON.format("e.actor")}
"""
_UNKNOWN_IN_VIEW = """
    union all
    select min(e.position) from {view} v
    join events e on e.originator_id = v.id where {no_person}
"""
_UNKNOWN_IN_VIEWS = "".join(
    _UNKNOWN_IN_VIEW.format(view=view, no_person=_NO_PERSON.format(f"v.{column}"))
    for view, column in sorted(NAME_COLUMNS)
)
_UNKNOWN = f"select min(position) from ({_UNKNOWN_ACTORS} {_UNKNOWN_IN_VIEWS}) as one".encode()
_UNRECORDED = """
    select person from people p where forgotten_at is not null
        and not exists (select from forgotten f where f.person = p.person) limit 1
"""
_PERSONS: LiteralString = """
    select person, lookup, wrapped_key, sealed_name from people
    where forgotten_at is null and abs(hashtext(person)::bigint) %% %s = %s
"""
_TOPICS = ", ".join(f"'{topic}'" for topic in SEALED_FIELDS)
_TEXTS: bytes = f"""
    select e.position, e.originator_id, e.state, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from events e join bookings b on b.id = e.originator_id
    join people p on p.person = b.user_id and p.forgotten_at is null
    where e.topic in ({_TOPICS}) and strpos(e.state, '"{SEALED}') > 0 and e.position %% %s = %s
""".encode()

_PASSENGER_NAMES = "select lookup, booking_id from passenger_names"

Share = tuple[int, int]
"""The number of a share, counted from 0, and the number of shares."""


def check_people(connection: Connection[Any], sealed: Iterable[Divergence | None]) -> None:
    """Check a ledger that has a master key. `sealed` are the results of `check_sealed` for all shares.

    Raises Divergence.
    """
    if connection.execute(MASTER_KEY_CHECK).fetchone() is None:
        return
    (position,) = connection.execute(_UNKNOWN).fetchone() or (None,)
    if position is not None:
        raise Divergence(position, "it names a pseudonym without a person: a row of table people is missing")
    unrecorded = connection.execute(_UNRECORDED).fetchone()
    if unrecorded is not None:
        (head,) = connection.execute(_HEAD).fetchone() or (0,)
        raise Divergence(head + 1, f"the keys of {unrecorded[0]} are gone, and no erasure is recorded")
    if divergence := min(filter(None, sealed), key=attrgetter("position"), default=None):
        raise divergence


def check_sealed(connection: Connection[Any], keyring: Keyring, share: Share) -> Divergence | None:
    """Decrypt a share of all texts and names, if this is the ledger's keyring. Return the first failure."""
    row = connection.execute(MASTER_KEY_CHECK).fetchone()
    if row is None or row[0] != keyring.check:
        return None
    return (
        _check_texts(connection, keyring, share)
        or _check_names(connection, keyring, share)
        or _check_passenger_names(connection, keyring, share)
    )


def _check_texts(connection: Connection[Any], keyring: Keyring, share: Share) -> Divergence | None:
    failures = (
        position
        for position, booking_id, state, *columns in _rows(connection, _TEXTS, share)
        if not _decrypts(keyring, Person(*columns), state, booking_id)
    )
    first = min(failures, default=None)
    return first and Divergence(first, "its sealed text does not decrypt with the key of the booking's user")


def _check_names(connection: Connection[Any], keyring: Keyring, share: Share) -> Divergence | None:
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    for row in _rows(connection, _PERSONS, share):
        person = Person(*row)
        name = keyring.decrypt(person.name_token or "")
        if name is None or keyring.lookup_hash(name) != person.lookup:
            reason = f"the name of {person.person} does not decrypt, or is found by another name"
            return Divergence(head + 1, reason)
    return None


def _check_passenger_names(connection: Connection[Any], keyring: Keyring, share: Share) -> Divergence | None:
    """Check the index of passengers by family name against the view, in the first share."""
    if share[0] != 0:
        return None
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    recorded = {PassengerName(bytes(row[0]), row[1]) for row in connection.execute(_PASSENGER_NAMES)}
    return compare_passenger_names(recorded, expected_rows(connection, keyring), head)


def compare_passenger_names(
    recorded: set[PassengerName], expected: set[PassengerName], head: int
) -> Divergence | None:
    """Return the difference at the lowest booking id."""
    if wrong := recorded ^ expected:
        booking_id = min(row.booking_id for row in wrong)
        return Divergence(head + 1, f"booking {booking_id} is found by other family names than it has")
    return None


def _rows(connection: Connection[Any], statement: LiteralString | bytes, share: Share) -> Iterator[Any]:
    number, of = share
    with connection.cursor("people") as cursor:
        cursor.itersize = BATCH
        yield from cursor.execute(statement, (of, number))


def _decrypts(keyring: Keyring, person: Person, state: str, booking_id: UUID) -> bool:
    """Return whether all sealed texts decrypt. A state that is no JSON has none, and does not."""
    texts = [text for text in texts_in(state) if text.startswith(SEALED)]
    tokens = [person.text_token(text, str(booking_id)) or "" for text in texts]
    return bool(tokens) and all(keyring.decrypt(token) is not None for token in tokens)
