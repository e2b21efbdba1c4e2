"""The log with names in clear, as in the program's answers."""

from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

from ledger.keyring import MASTER_KEY_FILE, Keyring, Person, key_in
from ledger.people import Known
from trials.checker.log import Event, Log, Outcome, read_log


def read_named_log(url: str, data: Path) -> Log:
    """Read the log and decrypt its names. The master key is in the folder `data`. Raises psycopg.Error."""
    log, keyring = read_log(url), Keyring(key_in(data / MASTER_KEY_FILE))
    with psycopg.connect(url, connect_timeout=10) as connection:
        people = {row[0]: Person(*row) for row in connection.execute(_PEOPLE).fetchall()}
        bookers: dict[UUID, str] = dict(connection.execute(_BOOKERS).fetchall())
    known = Known(people, bookers)
    return Log(
        [_event(event, known, keyring) for event in log.events],
        [_outcome(outcome, known, keyring) for outcome in log.outcomes],
        log.seats,
    )


def _event(event: Event, known: Known, keyring: Keyring) -> Event:
    state = keyring.opened(known.marked(msgspec.json.encode(event.state), event.subject))
    return msgspec.structs.replace(
        event, actor=_name(event.actor, known, keyring), state=msgspec.json.decode(state)
    )


def _outcome(outcome: Outcome, known: Known, keyring: Keyring) -> Outcome:
    about = msgspec.json.decode(outcome.body, type=_About).booking_id
    body = keyring.opened(known.marked(outcome.body.encode(), about)).decode()
    return msgspec.structs.replace(outcome, actor=_name(outcome.actor, known, keyring), body=body)


def _name(person: str, known: Known, keyring: Keyring) -> str:
    return keyring.open(known.shown(person)) or person


class _About(msgspec.Struct):
    booking_id: UUID | None = None


_PEOPLE = "select person, lookup, wrapped_key, sealed_name from ledger.people"
_BOOKERS = "select id, user_id from views.bookings"
