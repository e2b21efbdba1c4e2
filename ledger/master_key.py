"""The master key of a database's names: told once, checked at every start, changed by rotation."""

from typing import Any

import psycopg
from psycopg import Connection

from database.connection import conninfo
from domain.caller import SYSTEM
from ledger.keyring import Keyring, Person
from ledger.people import KEYED
from ledger.store import HEAD_LOCK
from runtime.settings import WrongSetting


def key_ledger(url: str, keyring: Keyring) -> int:
    """See to it that names in a migrated database are sealed by this master key. Needs to be the owner.

    A log from before there were pseudonyms has names in clear, which nobody can change without breaking its
    chain: they stay the pseudonyms of those who bear them. How many they are.

    Raises WrongSetting, psycopg.Error.
    """
    with psycopg.connect(conninfo(url, "seatledger keys"), autocommit=True) as connection:
        if _is_keyed(connection, keyring):
            return 0
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (HEAD_LOCK,))
            # Again, because another program may have done it while this one waited.
            if _is_keyed(connection, keyring):
                return 0
            names = [name for (name,) in connection.execute(_NAMES, (SYSTEM.subject,)).fetchall()]
            _insert(connection, [keyring.newcomer(name, person=name) for name in names])
            connection.execute(_KEY, (keyring.check,))
            return len(names)


def rotate(url: str, old: Keyring, new: Keyring) -> int:
    """Wrap every key anew, in one transaction; how many. Nobody else may be at work: they have the old one.

    Raises WrongSetting, psycopg.Error.
    """
    with psycopg.connect(conninfo(url, "seatledger keys"), autocommit=True) as connection:
        if not _is_keyed(connection, old):
            raise WrongSetting("rotate-master-key: nobody has started this ledger yet")
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (HEAD_LOCK,))
            if connection.execute(_AT_WORK).fetchone() is not None:
                raise WrongSetting("rotate-master-key: stop API and scheduler first; they have the old key")
            _is_keyed(connection, old)
            people = [Person(*row) for row in connection.execute(_PEOPLE).fetchall()]
            rewrapped = [new.rewrapped(person, old) for person in people]
            with connection.cursor() as cursor:
                cursor.executemany(_REWRAP, [(p.lookup, p.wrapped_key, p.person) for p in rewrapped])
            connection.execute(_REKEY, (new.check,))
        connection.execute("vacuum ledger.people")
        return len(people)


def _is_keyed(connection: Connection[Any], keyring: Keyring) -> bool:
    row = connection.execute(KEYED).fetchone()
    if row is not None and row[0] != keyring.check:
        raise WrongSetting(
            "SEATLEDGER_MASTER_KEY: names in this database are sealed by another master key: set that one,"
            " or put it into the file master-key of the data folder"
        )
    return row is not None


def _insert(connection: Connection[Any], people: list[Person]) -> None:
    copy = "copy ledger.people (person, lookup, wrapped_key, sealed_name) from stdin"
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for person in people:
            rows.write_row((person.person, person.lookup, person.wrapped_key, person.sealed_name))


_KEY = "insert into ledger.secrets (name, value) values ('master-key-check', %s)"
_REKEY = "update ledger.secrets set value = %s where name = 'master-key-check'"
_AT_WORK = """
    select from pg_stat_activity where datname = current_database()
        and application_name in ('seatledger writer', 'seatledger reader') limit 1
"""
_NAMES = """
    select actor from ledger.events union select actor from ledger.commands
    union select user_id from views.bookings union select user_id from views.waiting
    except select %s
"""
_PEOPLE = "select person, lookup, wrapped_key, sealed_name from ledger.people where forgotten_at is null"
_REWRAP = "update ledger.people set lookup = %s, wrapped_key = %s where person = %s"
