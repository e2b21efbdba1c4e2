"""Commands for auditors: `history`, `replay` and `show` of a booking, a flight or a waiting party."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec

from cli.existing_ledger import ledger_url
from cli.options import DATA, JSON, LEDGER, add
from database.connection import Connection, connect_as_owner
from database.head import head
from domain.airports import Airports
from domain.booking import Booking
from domain.flight import Flight
from domain.waiting import WaitingParty
from ledger.keyring import Keyring
from ledger.log import RecordedEvent, find_position_at, read_stream, steps
from ledger.master_key import find_keyring, hidden_names
from ledger.master_key_file import find_keys
from ledger.people import MASTER_KEY_CHECK, decrypt_events, is_in_clear
from ledger.personal_json import names_in
from projections.bookings import BookingRow
from projections.flights import FlightRow
from projections.waiting import WaitingRow
from runtime.failures import FAILED, CommandFailed
from runtime.settings import Settings

Events = list[RecordedEvent]

WAIT_SECONDS_MAX = 2.0
POLL_SECONDS = 0.1


class Step(msgspec.Struct, frozen=True):
    """One event, its command and actor, and the status after it."""

    position: int
    version: int
    recorded_at: datetime
    type: str
    actor: str
    operation: str
    causation_id: str
    correlation_id: str
    data: msgspec.Raw
    status_after: str
    hash: str


def history(settings: Settings, id: UUID, json: bool) -> int:
    """Print all events of a booking, a flight or a waiting party. Return 1 if there is none."""
    events = _read_events(settings, lambda connection: read_stream(connection, id))
    if not events:
        return _report_unknown(id)
    timeline = [_step(event, subject) for event, subject in steps(events)]
    if json:
        print(msgspec.json.encode(timeline).decode())
        return 0
    for step in timeline:
        time = step.recorded_at.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        print(f"{step.position:>8}  v{step.version:<3} {time}  {step.type} -> {step.status_after}")
        print(f"{'':15}{step.operation} by {step.actor}, key {step.causation_id}")
        print(f"{'':15}{bytes(step.data).decode()}")
    return 0


def replay(settings: Settings, id: UUID, to: int | None, json: bool) -> int:
    """Print the state after a version, folded from the events. Return 1 if there is no such version."""
    events = _read_events(settings, lambda connection: read_stream(connection, id))
    if not events:
        return _report_unknown(id)
    if to is not None and not 1 <= to <= len(events):
        print(f"seatledger: {id} has versions 1 to {len(events)}", file=sys.stderr)
        return FAILED
    states = [_row(subject, settings) for _, subject in steps(events[:to])]
    _print(states[-1], json)
    return 0


def show(settings: Settings, id: UUID, as_of: datetime | None, position: int | None, json: bool) -> int:
    """Print the state as of a time or a position. Return 1 if it did not exist then.

    Wait for a position that the log has not reached, as the API does. A future time is an error.
    """

    async def arrive(connection: Connection) -> None:
        await _require_past(connection, as_of)
        await _wait_for_position(connection, position or 0)

    async def then(connection: Connection) -> list[RecordedEvent]:
        until = position if as_of is None else await find_position_at(connection, as_of)
        recorded = await read_stream(connection, id)
        return [event for event in recorded if until is None or event.position <= until]

    events = _read_events(settings, then, arrive)
    if not events:
        return _report_unknown(id)
    states = [_row(subject, settings) for _, subject in steps(events)]
    _print(states[-1], json)
    return 0


class _NotYet(CommandFailed):
    """The log has not reached the moment of the question."""


async def _require_past(connection: Connection, as_of: datetime | None) -> None:
    _, now = await head(connection)
    if as_of is not None and as_of > now:
        raise _NotYet(f"--as-of lies in the future: the ledger's time is {now.isoformat()}")


async def _wait_for_position(connection: Connection, target: int) -> None:
    deadline = monotonic() + WAIT_SECONDS_MAX
    while (reached := (await head(connection))[0]) < target:
        if monotonic() >= deadline:
            raise _NotYet(f"the log is at position {reached}, and has not reached position {target}")
        await asyncio.sleep(POLL_SECONDS)


async def _arrive_at_once(connection: Connection) -> None:
    """Wait for nothing."""


def _read_events(
    settings: Settings,
    question: Callable[[Connection], Awaitable[Events]],
    arrive: Callable[[Connection], Awaitable[None]] = _arrive_at_once,
) -> Events:
    """Read events, with names if the master key is available, else with the pseudonyms of the log.

    Print on standard error why names stay hidden. `arrive` waits until the log can answer the question.
    """
    keyrings = [Keyring(key) for key in find_keys(settings)]

    async def read(url: str) -> Events:
        async with await connect_as_owner(url, "seatledger audit") as connection:
            await arrive(connection)
            await connection.execute("begin isolation level repeatable read read only")
            events = await question(connection)
            row = await (await connection.execute(MASTER_KEY_CHECK)).fetchone()
            check = row[0] if row else None
            keyring = find_keyring(keyrings, check)
            shown = await decrypt_events(connection, keyring, events)
            _explain_hidden(shown, hidden_names(settings, check, keyring))
            return shown

    with ledger_url(settings) as url:
        return asyncio.run(read(url))


def _explain_hidden(events: Events, reason: str | None) -> None:
    hidden = {
        name for event in events for name in (event.actor, *names_in(event.state)) if not is_in_clear(name)
    }
    if hidden:
        why = reason or f"{', '.join(sorted(hidden))}: forgotten"
        print(f"seatledger: names are hidden: {why}", file=sys.stderr)


def _step(event: RecordedEvent, subject: Any) -> Step:
    return Step(
        event.position,
        event.originator_version,
        event.recorded_at,
        event.topic,
        event.actor,
        event.operation,
        event.causation_id,
        event.correlation_id,
        msgspec.Raw(event.state.encode()),
        _status(subject, event.recorded_at),
        event.hash.hex(),
    )


def _status(subject: Flight | Booking | WaitingParty, time: datetime) -> str:
    return subject.status(time).value if isinstance(subject, Flight) else subject.status.value


def _row(subject: Flight | Booking | WaitingParty, settings: Settings) -> FlightRow | BookingRow | WaitingRow:
    """Convert to the row that the API returns."""
    if isinstance(subject, Booking):
        return BookingRow.of(subject)
    if isinstance(subject, Flight):
        return FlightRow.of(subject).at_airports(Airports(settings.private_airports))
    return WaitingRow.of(subject)


def _print(row: msgspec.Struct, json: bool) -> None:
    text = msgspec.json.encode(row)
    print((text if json else msgspec.json.format(text, indent=2)).decode())


def _report_unknown(id: UUID) -> int:
    print(f"seatledger: no {id} in the log then", file=sys.stderr)
    return FAILED


def register(commands: Any) -> None:
    """Register the commands."""
    options = [DATA, LEDGER, JSON]
    timeline = add(commands, "history", history, "print all events of ID, with actors and causes", options)
    again = add(commands, "replay", replay, "fold the events of ID and print the state", options)
    again.add_argument("--to", type=int, metavar="VERSION", help="last version to fold (all)")
    then = add(commands, "show", show, "print the state of ID at a time or position", options)
    moment = then.add_mutually_exclusive_group()
    moment.add_argument(
        "--as-of", type=_time, metavar="TIME", help="like 2031-05-01T12:00:00Z, with any offset"
    )
    moment.add_argument(
        "--position", type=_position, metavar="N", help="state right after this position of the log"
    )
    for parser in (timeline, again, then):
        parser.add_argument("id", type=UUID, metavar="ID", help="of a booking, a flight or a waiting party")


def _position(text: str) -> int:
    position = int(text)
    if position < 1:
        raise ValueError("positions begin at 1")
    return position


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no offset from UTC")
    return time
