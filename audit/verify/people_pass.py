"""The third pass: every pseudonym stands for somebody, and what is sealed opens unless they are forgotten."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import Connection

from audit.verify.wrong import Wrong
from ledger.keyring import SEALED, Keyring, Person
from ledger.people import KEYED

BATCH = 5_000

_HEAD = "select coalesce(max(position), 0) from ledger.events"
_NOBODY = "not exists (select from ledger.people p where p.person = {})"
_UNKNOWN = f"""
    select min(position) from (
        select min(e.position) as position from ledger.events e
        where e.actor <> 'seatledger' and {_NOBODY.format("e.actor")}
        union all
        select min(e.position) from views.bookings b
        join ledger.events e on e.originator_id = b.id where {_NOBODY.format("b.user_id")}
        union all
        select min(e.position) from views.waiting w
        join ledger.events e on e.originator_id = w.id where {_NOBODY.format("w.user_id")}
    ) as one
"""
_UNTOLD = """
    select person from ledger.people p where forgotten_at is not null
        and not exists (select from ledger.forgotten f where f.person = p.person) limit 1
"""
_KNOWN = """
    select person, lookup, wrapped_key, sealed_name from ledger.people
    where forgotten_at is null and abs(hashtext(person)::bigint) %% %s = %s
"""
_TEXTS: LiteralString = f"""
    select e.position, e.originator_id, e.state, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from ledger.events e join views.bookings b on b.id = e.originator_id
    join ledger.people p on p.person = b.user_id and p.forgotten_at is null
    where e.topic in ('booking.cancelled', 'booking.void_requested', 'booking.payment_voided',
        'booking.refund_settled') and strpos(e.state, '"{SEALED}') > 0 and e.position %% %s = %s
"""

Share = tuple[int, int]
"""Which one, counted from 0, of how many."""


def check_people(connection: Connection[Any], sealed: Iterable[Wrong | None]) -> None:
    """Where the ledger has a master key. `sealed` is what check_sealed found of all shares. Raises Wrong."""
    if connection.execute(KEYED).fetchone() is None:
        return
    (position,) = connection.execute(_UNKNOWN).fetchone() or (None,)
    if position is not None:
        raise Wrong(position, "it names a pseudonym that stands for nobody: a row of ledger.people is gone")
    untold = connection.execute(_UNTOLD).fetchone()
    if untold is not None:
        (head,) = connection.execute(_HEAD).fetchone() or (0,)
        raise Wrong(head + 1, f"the keys of {untold[0]} are gone, and nobody has told who forgot them")
    if wrong := min(filter(None, sealed), key=attrgetter("position"), default=None):
        raise wrong


def check_sealed(connection: Connection[Any], keyring: Keyring | None, share: Share) -> Wrong | None:
    """Whether a share of all texts and names opens, where the ledger's master key is at hand."""
    keyed = connection.execute(KEYED).fetchone()
    if keyed is None or keyring is None or keyring.check != keyed[0]:
        return None
    return _check_texts(connection, keyring, share) or _check_names(connection, keyring, share)


def _check_texts(connection: Connection[Any], keyring: Keyring, share: Share) -> Wrong | None:
    sealed = (
        position
        for position, booking_id, state, *columns in _rows(connection, _TEXTS, share)
        if not _opens(keyring, Person(*columns), state, booking_id)
    )
    first = min(sealed, default=None)
    return first and Wrong(first, "its sealed text does not open with the key of the booking's user")


def _check_names(connection: Connection[Any], keyring: Keyring, share: Share) -> Wrong | None:
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    for row in _rows(connection, _KNOWN, share):
        person = Person(*row)
        name = keyring.open(person.token or "")
        if name is None or keyring.lookup(name) != person.lookup:
            return Wrong(head + 1, f"the name of {person.person} does not open, or is found by another's")
    return None


def _rows(connection: Connection[Any], statement: LiteralString, share: Share) -> Iterator[Any]:
    number, of = share
    with connection.cursor("people") as cursor:
        cursor.itersize = BATCH
        yield from cursor.execute(statement, (of, number))


def _opens(keyring: Keyring, person: Person, state: str, booking_id: UUID) -> bool:
    try:
        fields = msgspec.json.decode(state, type=dict[str, Any])
    except msgspec.DecodeError:
        # The fold of its stream, in whichever process, says what is wrong with it.
        return False
    texts = [text for text in fields.values() if str(text).startswith(SEALED)]
    return all(keyring.open(person.token_of(text, str(booking_id)) or "") is not None for text in texts)
