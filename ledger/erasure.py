"""Erasure of a person: without the key, sealed names and texts do not decrypt. The log is unchanged."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from database.connection import connect_sync
from database.naming import role_of, schema_of
from ledger.keyring import Keyring
from ledger.statements import HEAD_LOCK
from runtime.failures import CommandFailed


class NotErasable(CommandFailed):
    """The person cannot be erased, or not yet. The message lists the reasons; nothing was changed."""


def erase(url: str, keyring: Keyring, name: str, by: str) -> str:
    """Erase the person with this name. Return the pseudonym, which stays in the log.

    Raises NotErasable while a booking, refund or waiting-list entry is open: its user must stay reachable.
    """
    with _under_the_head_lock(url) as connection:
        row = connection.execute(_PERSON, (keyring.lookup_hash(name),)).fetchone()
        if row is None:
            raise NotErasable("no person of that name is known: never recorded, or forgotten already")
        pseudonym: str = row[0]
        reasons = [reason for (reason,) in connection.execute(_OPEN, {"person": pseudonym}).fetchall()]
        if reasons:
            raise NotErasable("\n".join(["not yet; first complete these:", *reasons]))
        _delete_keys(connection, [pseudonym], by)
        connection.execute(_DELETE_WEBHOOKS, (keyring.lookup_hash(name),))
    _clean_up(url, [pseudonym])
    return pseudonym


def erase_again(url: str, pseudonyms: Sequence[str], by: str) -> int:
    """Erase the persons on the list that a restored backup brought back. Return their number."""
    with _under_the_head_lock(url) as connection:
        restored = [row[0] for row in connection.execute(_RESTORED, (list(pseudonyms),)).fetchall()]
        _delete_keys(connection, restored, by)
    _clean_up(url, restored)
    return len(restored)


def read_erased(url: str) -> list[str]:
    """Return the pseudonyms of all erased persons, in order of erasure."""
    with connect_sync(url, "seatledger forget", autocommit=False) as connection:
        return [row[0] for row in connection.execute(_ERASED).fetchall()]


@contextmanager
def _under_the_head_lock(url: str) -> Iterator[Connection[Any]]:
    """Open a transaction that excludes blocks, so that no command of the person commits meanwhile."""
    with connect_sync(url, "seatledger forget", autocommit=False) as connection:
        connection.execute(f"set role {role_of(schema_of(url), 'writer')}".encode())
        connection.execute(HEAD_LOCK)
        yield connection


def _delete_keys(connection: Connection[Any], pseudonyms: Sequence[str], by: str) -> None:
    connection.execute(_DELETE_NAMES, (list(pseudonyms),))
    connection.execute(_RECORD, (list(pseudonyms), by))
    connection.execute(_DELETE_KEYS, (list(pseudonyms),))


def _clean_up(url: str, pseudonyms: Sequence[str]) -> None:
    """Delete what receivers of webhooks answered about these persons, and old row versions with the keys.

    Both would take too long under the head lock. A running snapshot may still need old row versions. The
    bytes at the end of a page are overwritten when the page fills.
    """
    with connect_sync(url, "seatledger forget") as connection:
        connection.execute(_DELETE_ANSWERS, (list(pseudonyms), list(pseudonyms)))
        connection.execute("vacuum (analyze) people, passenger_names")


_PERSON = "select person from people where lookup = %s"
_RESTORED = "select person from people where person = any (%s) and forgotten_at is null"
_ERASED = "select person from forgotten order by forgotten_at, person"
_DELETE_KEYS = """
    update people set lookup = null, wrapped_key = null, sealed_name = null,
        forgotten_at = statement_timestamp()
    where person = any (%s)
"""
# The person's own webhooks. The sender then removes the rows and their deliveries.
_DELETE_WEBHOOKS = """
    update webhooks set deleted_at = statement_timestamp(), is_enabled = false, sealed_secrets = '',
        sealed_user = null, user_lookup = null
    where user_lookup = %s
"""
# A receiver may have answered with the name that a full message told it.
_DELETE_ANSWERS = """
    update webhook_deliveries set answer = null
    where answer <> '' and stream_id = any (array(select id from bookings where user_id = any (%s))
        || array(select id from waiting where user_id = any (%s)))
"""
_DELETE_NAMES = """
    delete from passenger_names as n using bookings as b
    where b.id = n.booking_id and b.user_id = any (%s)
"""
_RECORD = """
    insert into forgotten (person, forgotten_by) select unnest(%s::text[]), %s
    on conflict (person) do nothing
"""
# A due hold blocks no seat and cannot be paid, so it is not open.
_OPEN = """
    select format(case when f.departs_at > now()
            then 'booking %%s is %%s, and its flight has not departed: cancel it, or wait until it departs'
            else 'booking %%s is %%s: capture or void its payment' end, b.id, b.status)
    from bookings b join flights f on f.id = b.flight_id
    where b.user_id = %(person)s and b.status <> 'cancelled'
        and (f.departs_at > now() or b.status = 'pending') and coalesce(b.held_until, 'infinity') > now()
    union all
    select format('entry %%s waits for seats of flight %%s: remove it from the waiting list',
            w.id, w.flight_id)
    from waiting w join flights f on f.id = w.flight_id
    where w.user_id = %(person)s and w.status = 'waiting' and not f.cancelled and f.departs_at > now()
    union all
    select format('refund %%s of booking %%s is %%s: settle it', id, booking_id, status)
    from refunds where user_id = %(person)s and settled_at is null
    union all
    select format('the gateway has not answered on the payment of booking %%s (%%s): wait for its answer',
            id, gateway_task)
    from bookings where user_id = %(person)s and gateway_task is not null
    limit 20
"""
