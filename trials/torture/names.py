"""The log with names in clear, as in the program's answers."""

from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

from ledger.keyring import Keyring, Person
from ledger.master_key_file import MASTER_KEY_FILE, read_or_create_key
from ledger.people import People
from trials.checker.log import Event, Log, Outcome, read_log


def read_named_log(url: str, data: Path, schema: str = "ledger") -> Log:
    """Read the log and decrypt its names. The master key is in the folder `data`. Raises psycopg.Error."""
    log, keyring = read_log(url, schema), Keyring(read_or_create_key(data / MASTER_KEY_FILE))
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("select set_config('search_path', %s, true)", (schema,))
        persons = {row[0]: Person(*row) for row in connection.execute(_PEOPLE).fetchall()}
        booking_users: dict[UUID, str] = dict(connection.execute(_BOOKING_USERS).fetchall())
    people = People(persons, booking_users)
    return Log(
        [_event(event, people, keyring) for event in log.events],
        [_outcome(outcome, people, keyring) for outcome in log.outcomes],
        log.seats,
    )


def _event(event: Event, people: People, keyring: Keyring) -> Event:
    state = keyring.decrypt_tokens(people.tokenise(msgspec.json.encode(event.state), event.subject))
    return msgspec.structs.replace(
        event, actor=_name(event.actor, people, keyring), state=msgspec.json.decode(state)
    )


def _outcome(outcome: Outcome, people: People, keyring: Keyring) -> Outcome:
    about = msgspec.json.decode(outcome.body, type=_About).booking_id
    body = keyring.decrypt_tokens(people.tokenise(outcome.body.encode(), about)).decode()
    return msgspec.structs.replace(outcome, actor=_name(outcome.actor, people, keyring), body=body)


def _name(pseudonym: str, people: People, keyring: Keyring) -> str:
    return keyring.decrypt(people.name_token(pseudonym)) or pseudonym


class _About(msgspec.Struct):
    booking_id: UUID | None = None


_PEOPLE = "select person, lookup, wrapped_key, sealed_name from people"
_BOOKING_USERS = "select id, user_id from bookings"
