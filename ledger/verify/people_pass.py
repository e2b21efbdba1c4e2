"""The third pass: every pseudonym stands for somebody, and what is sealed opens unless they are forgotten."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ledger.keyring import SEALED, Keyring, Person
from ledger.people import KEYED
from ledger.verify.wrong import Wrong

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
_KNOWN = "select person, lookup, wrapped_key, sealed_name from ledger.people where forgotten_at is null"
_TEXTS = f"""
    select e.position, e.originator_id, e.state, p.person, p.lookup, p.wrapped_key, p.sealed_name
    from ledger.events e join views.bookings b on b.id = e.originator_id
    join ledger.people p on p.person = b.user_id and p.forgotten_at is null
    where e.topic in ('booking.cancelled', 'booking.void_requested', 'booking.payment_voided',
        'booking.refund_settled') and strpos(e.state, '"{SEALED}') > 0
"""


def check_people(connection: Connection[Any], keyring: Keyring | None) -> None:
    """Where the ledger has a master key; texts and names only where it is at hand. Raises Wrong."""
    keyed = connection.execute(KEYED).fetchone()
    if keyed is None:
        return
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    (position,) = connection.execute(_UNKNOWN).fetchone() or (None,)
    if position is not None:
        raise Wrong(position, "it names a pseudonym that stands for nobody: a row of ledger.people is gone")
    untold = connection.execute(_UNTOLD).fetchone()
    if untold is not None:
        raise Wrong(head + 1, f"the keys of {untold[0]} are gone, and nobody has told who forgot them")
    if keyring is not None and keyring.check == keyed[0]:
        _check_names(connection, keyring, head)
        _check_texts(connection, keyring)


def _check_names(connection: Connection[Any], keyring: Keyring, head: int) -> None:
    with connection.cursor("people") as cursor:
        cursor.itersize = BATCH
        cursor.execute(_KNOWN)
        for row in cursor:
            person = Person(*row)
            name = keyring.open(person.token or "")
            if name is None or keyring.lookup(name) != person.lookup:
                raise Wrong(head + 1, f"the name of {person.person} does not open, or is found by another's")


def _check_texts(connection: Connection[Any], keyring: Keyring) -> None:
    with connection.cursor("texts") as cursor:
        cursor.itersize = BATCH
        cursor.execute(_TEXTS)
        for position, booking_id, state, *columns in cursor:
            if not _opens(keyring, Person(*columns), state, booking_id):
                raise Wrong(position, "its sealed text does not open with the key of the booking's user")


def _opens(keyring: Keyring, person: Person, state: str, booking_id: UUID) -> bool:
    texts = [text for text in msgspec.json.decode(state).values() if str(text).startswith(SEALED)]
    return all(keyring.open(person.token_of(text, str(booking_id)) or "") is not None for text in texts)
