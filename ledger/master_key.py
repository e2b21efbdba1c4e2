"""The master key of a database: set at the first start, checked at every start, changed by rotation."""

from collections.abc import Callable, Sequence
from typing import Any

from loguru import logger
from psycopg import Connection

from database.connection import connect_sync
from domain.caller import SYSTEM
from ledger.keyring import NO_KEYRING, Keyring, Person
from ledger.master_key_file import MASTER_KEY_FILE, find_keys, holds_keys, load_master_key
from ledger.passenger_index import build_index
from ledger.people import CURSOR_KEY, MASTER_KEY_CHECK
from ledger.statements import HEAD_LOCK
from ledger.webhook_seals import reseal_webhooks
from runtime.settings import Settings, WrongSetting


class ProgramsConnected(WrongSetting):
    """A rotation waits until no program is connected that has the old key in memory."""

    def __init__(self) -> None:
        super().__init__("rotate-master-key: stop API and scheduler first; they have the old key")


def bind_ledger(url: str, settings: Settings) -> None:
    """Bind a migrated database to the master key at hand; a new database creates one if there is none.

    A database that has one of the old keys is from before a rotation, which is finished now, or at the next
    start if programs with the old key are connected. Raises WrongSetting, psycopg.Error.
    """
    with connect_sync(url, "seatledger keys") as connection:
        _bind_to_key_at_hand(connection, url, settings)


def _bind_to_key_at_hand(connection: Connection[Any], url: str, settings: Settings) -> None:
    check = _read_check(connection)
    if check is None:
        _bind_to(connection, Keyring(load_master_key(settings)))
        return
    keyrings = [Keyring(key) for key in find_keys(settings)]
    if not keyrings:
        raise WrongSetting(
            "SEATLEDGER_MASTER_KEY: names in this database are sealed by another master key than this host's,"
            f" which has none: set it, or put it into the file {settings.data / MASTER_KEY_FILE}"
        )
    if check in [keyring.check for keyring in keyrings[1:]] and check != keyrings[0].check:
        old = find_keyring(keyrings, check)
        try:
            people = rotate(url, old, keyrings[0])
        except ProgramsConnected:
            logger.warning("master_key.rotation_waits")
        else:
            logger.bind(people=people).info("master_key.rotated")
        return
    _bind_to(connection, keyrings[0])
    # A derived key becomes the data folder's own, so that a later change of the secret does not lose it.
    load_master_key(settings)


def read_check(url: str) -> str | None:
    """Return the check value of the database's master key; None if it has none. Raises psycopg.Error."""
    with connect_sync(url, "seatledger keys") as connection:
        return _read_check(connection)


def _read_check(connection: Connection[Any]) -> str | None:
    row = connection.execute(MASTER_KEY_CHECK).fetchone()
    return row[0] if row else None


def find_keyring(keyrings: Sequence[Keyring], check: str | None) -> Keyring:
    """Return the keyring with this check value, else NO_KEYRING."""
    return next((keyring for keyring in keyrings if keyring.check == check), NO_KEYRING)


def hidden_names(settings: Settings, check: str | None, keyring: Keyring) -> str | None:
    """Return why this process cannot show or check names; None if it can, or if the ledger seals none."""
    if check == keyring.check:
        return None
    here = f"SEATLEDGER_MASTER_KEY, or {settings.data / MASTER_KEY_FILE}"
    if holds_keys(settings):
        return f"the master key here is not the one that sealed them ({here})"
    return f"there is no master key here ({here})"


def key_ledger(url: str, keyring: Keyring) -> int:
    """Bind a migrated database to this master key, unless it is bound already. Needs the owner's role.

    A log older than pseudonyms contains names in clear, which cannot be changed without breaking its chain.
    Each such name becomes the pseudonym of its person. Return how many there are.

    Raises WrongSetting, psycopg.Error.
    """
    with connect_sync(url, "seatledger keys") as connection:
        return _bind_to(connection, keyring)


def _bind_to(connection: Connection[Any], keyring: Keyring) -> int:
    if _is_keyed(connection, keyring) and connection.execute(CURSOR_KEY).fetchone():
        return 0
    with connection.transaction():
        connection.execute(HEAD_LOCK)
        # An emptied table has lost this key too. With a new one, open cursors become invalid.
        connection.execute(_NEW_CURSOR_KEY)
        # Another program may have bound the database while this one waited for the lock.
        if _is_keyed(connection, keyring):
            return 0
        known = connection.execute(f"{_PERSONS} limit 1").fetchone()
        if known is not None and keyring.decrypt(Person(*known).name_token or "") is None:
            raise WrongSetting(_OTHER_KEY)
        names = [name for (name,) in connection.execute(_NAMES, (SYSTEM.subject,)).fetchall()]
        _insert(connection, [keyring.new_person(name, pseudonym=name) for name in names])
        connection.execute(_KEY, (keyring.check,))
        build_index(connection, keyring)
        return len(names)


def rotate(url: str, old: Keyring, new: Keyring, before_commit: Callable[[], None] = lambda: None) -> int:
    """Wrap every personal key with the new master key, in one transaction. Return the number of keys.

    `before_commit` stores the new key; a refused rotation does not call it. Raises WrongSetting,
    ProgramsConnected, psycopg.Error.
    """
    with connect_sync(url, "seatledger keys") as connection:
        if not _is_keyed(connection, old):
            raise WrongSetting("rotate-master-key: this ledger has no master key yet; start it once first")
        with connection.transaction():
            connection.execute(HEAD_LOCK)
            if connection.execute(_CONNECTED_PROGRAMS).fetchone() is not None:
                raise ProgramsConnected
            _is_keyed(connection, old)
            persons = [Person(*row) for row in connection.execute(_PERSONS).fetchall()]
            rewrapped = [new.rewrap(person, old) for person in persons]
            with connection.cursor() as cursor:
                cursor.executemany(_REWRAP, [(p.lookup, p.wrapped_key, p.person) for p in rewrapped])
            reseal_webhooks(connection, old, new)
            connection.execute(_REKEY, (new.check,))
            build_index(connection, new)
            before_commit()
        connection.execute("vacuum (analyze) people")
        return len(persons)


def _is_keyed(connection: Connection[Any], keyring: Keyring) -> bool:
    row = connection.execute(MASTER_KEY_CHECK).fetchone()
    if row is not None and row[0] != keyring.check:
        raise WrongSetting(_OTHER_KEY)
    return row is not None


def _insert(connection: Connection[Any], persons: list[Person]) -> None:
    copy = "copy people (person, lookup, wrapped_key, sealed_name) from stdin"
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for person in persons:
            rows.write_row((person.person, person.lookup, person.wrapped_key, person.sealed_name))


_OTHER_KEY = (
    "SEATLEDGER_MASTER_KEY: names in this database are sealed by another master key: set that one,"
    " or put it into the file master-key of the data folder"
)
_NEW_CURSOR_KEY = """
    insert into secrets
    values ('cursor', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''))
    on conflict do nothing
"""
_KEY = "insert into secrets (name, value) values ('master-key-check', %s)"
_REKEY = "update secrets set value = %s where name = 'master-key-check'"
# Any session can take these names. Only a login that may become the writer can be a program.
_CONNECTED_PROGRAMS = """
    select from pg_stat_activity where datname = current_database()
        and application_name in ('seatledger writer', 'seatledger reader')
        and pg_has_role(usesysid, 'seatledger_writer', 'member') limit 1
"""
_NAMES = """
    select actor from events union select actor from commands
    union select user_id from bookings union select user_id from waiting
    except (select %s union all select person from people)
"""
_PERSONS = "select person, lookup, wrapped_key, sealed_name from people where forgotten_at is null"
_REWRAP = "update people set lookup = %s, wrapped_key = %s where person = %s"
