"""Forgetting: a person's keys are wiped, and what they opened never opens again; the log stays as it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection

from database.connection import ROLE, conninfo
from ledger.keyring import Keyring
from ledger.store import HEAD_LOCK


class NotForgotten(Exception):
    """Why somebody cannot be forgotten, or not yet; nothing was changed."""


def forget(url: str, keyring: Keyring, name: str, by: str) -> str:
    """Forget whoever has that name now; the pseudonym that stays.

    Raises NotForgotten while something is owed to them or by them: nobody could be told of it, or be paid.
    """
    with _under_the_head_lock(url) as connection:
        row = connection.execute(_PERSON, (keyring.lookup(name),)).fetchone()
        if row is None:
            raise NotForgotten("nobody of that name is known: never seen, or forgotten already")
        person: str = row[0]
        if open_things := [what for (what,) in connection.execute(_OPEN, {"person": person}).fetchall()]:
            raise NotForgotten("\n".join(["not yet; first see to these:", *open_things]))
        _wipe(connection, [person], by)
    _sweep(url)
    return person


def forget_again(url: str, persons: Sequence[str], by: str) -> int:
    """After a restore: wipe those whom a list of pseudonyms says were forgotten; how many were back."""
    with _under_the_head_lock(url) as connection:
        back = [row[0] for row in connection.execute(_BACK, (list(persons),)).fetchall()]
        _wipe(connection, back, by)
    _sweep(url)
    return len(back)


def forgotten(url: str) -> list[str]:
    """The pseudonyms of all who were forgotten, the first one first."""
    with psycopg.connect(conninfo(url, "seatledger forget")) as connection:
        return [row[0] for row in connection.execute(_FORGOTTEN).fetchall()]


@contextmanager
def _under_the_head_lock(url: str) -> Iterator[Connection[Any]]:
    """A transaction, and no block meanwhile: whoever is forgotten makes no booking at that moment."""
    with psycopg.connect(conninfo(url, "seatledger forget")) as connection:
        connection.execute(f"set role {ROLE}")
        connection.execute("select pg_advisory_xact_lock(%s)", (HEAD_LOCK,))
        yield connection


def _wipe(connection: Connection[Any], persons: Sequence[str], by: str) -> None:
    connection.execute(_RECORD, (list(persons), by))
    connection.execute(_WIPE, (list(persons),))


def _sweep(url: str) -> None:
    """Rows as they were do not stay behind, unless a snapshot still needs them. The last bytes that a page
    had of them are overwritten when it fills.
    """
    with psycopg.connect(conninfo(url, "seatledger forget"), autocommit=True) as connection:
        connection.execute("vacuum ledger.people")


_PERSON = "select person from ledger.people where lookup = %s"
_BACK = "select person from ledger.people where person = any (%s) and forgotten_at is null"
_FORGOTTEN = "select person from ledger.forgotten order by forgotten_at, person"
_WIPE = """
    update ledger.people set lookup = null, wrapped_key = null, sealed_name = null,
        forgotten_at = clock_timestamp()
    where person = any (%s)
"""
_RECORD = """
    insert into ledger.forgotten (person, forgotten_by) select unnest(%s::text[]), %s
    on conflict (person) do nothing
"""
# A hold that is due blocks no seat and cannot be paid, so it is not live.
_OPEN = """
    select format(case when f.departs_at > now()
            then 'booking %%s is %%s, and its flight has not departed: cancel it, or wait until it departs'
            else 'booking %%s is %%s: capture or void its payment' end, b.id, b.status)
    from views.bookings b join views.flights f on f.id = b.flight_id
    where b.user_id = %(person)s and b.status <> 'cancelled'
        and (f.departs_at > now() or b.status = 'pending') and coalesce(b.held_until, 'infinity') > now()
    union all
    select format('entry %%s waits for seats of flight %%s: let it leave the waiting list', w.id, w.flight_id)
    from views.waiting w join views.flights f on f.id = w.flight_id
    where w.user_id = %(person)s and w.status = 'waiting' and not f.cancelled and f.departs_at > now()
    union all
    select format('refund %%s of booking %%s is %%s: settle it', id, booking_id, status)
    from views.refunds where user_id = %(person)s and settled_at is null
    union all
    select format('the payment of booking %%s is still in the gateway (%%s): wait until it has answered',
            id, gateway_task)
    from views.bookings where user_id = %(person)s and gateway_task is not null
    limit 20
"""
