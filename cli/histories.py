"""What auditors look at: a booking's timeline, its replay, and what anything was at any time."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from cli.options import DATA, JSON, add
from database.connection import Connection, conninfo
from database.embedded import existing_database
from domain.booking import Booking
from domain.flight import Flight
from domain.waiting import WaitingParty
from ledger.keyring import keyring_at_hand
from ledger.log import RecordedEvent, find_position_at, read_stream, steps
from ledger.people import by_names
from projections.bookings import BookingRow
from projections.flights import FlightRow
from projections.waiting import WaitingRow
from runtime.settings import Settings

Events = list[RecordedEvent]

FAILED = 1


class Step(msgspec.Struct, frozen=True):
    """One event, who caused it and by which command, and the status that it left behind."""

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
    """Every event of a booking, a flight or a waiting party; 1 when there is none."""
    found = _ask(settings, lambda connection: read_stream(connection, id))
    if not found:
        return _unknown(id)
    timeline = [_step(event, subject) for event, subject in steps(found)]
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
    """What the events up to a version add up to, folded anew; 1 when there is no such version."""
    found = _ask(settings, lambda connection: read_stream(connection, id))
    if not found:
        return _unknown(id)
    if to is not None and not 1 <= to <= len(found):
        print(f"seatledger: {id} has versions 1 to {len(found)}", file=sys.stderr)
        return FAILED
    shown = [_row(subject) for _, subject in steps(found[:to])]
    _print(shown[-1], json)
    return 0


def show(settings: Settings, id: UUID, as_of: datetime | None, position: int | None, json: bool) -> int:
    """The same as of a time or a position; 1 when it did not exist then."""

    async def then(connection: Connection) -> list[RecordedEvent]:
        until = position if as_of is None else await find_position_at(connection, as_of)
        recorded = await read_stream(connection, id)
        return [event for event in recorded if until is None or event.position <= until]

    found = _ask(settings, then)
    if not found:
        return _unknown(id)
    shown = [_row(subject) for _, subject in steps(found)]
    _print(shown[-1], json)
    return 0


def _ask(settings: Settings, question: Callable[[Connection], Awaitable[Events]]) -> Events:
    """By names, where the master key is at hand; else by pseudonyms, as the log has them."""
    keyring = keyring_at_hand(settings)

    async def asked(url: str) -> Events:
        connection = await psycopg.AsyncConnection[tuple[Any, ...]].connect(
            conninfo(url, "seatledger audit"), autocommit=True
        )
        async with connection:
            await connection.execute("begin isolation level repeatable read read only")
            events = await question(connection)
            return events if keyring is None else await by_names(connection, keyring, events)

    with existing_database(settings.database_url, settings.data) as url:
        return asyncio.run(asked(url))


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


def _row(subject: Flight | Booking | WaitingParty) -> FlightRow | BookingRow | WaitingRow:
    """As callers of the API see it."""
    if isinstance(subject, Booking):
        return BookingRow.of(subject)
    return FlightRow.of(subject) if isinstance(subject, Flight) else WaitingRow.of(subject)


def _print(row: msgspec.Struct, json: bool) -> None:
    text = msgspec.json.encode(row)
    print((text if json else msgspec.json.format(text, indent=2)).decode())


def _unknown(id: UUID) -> int:
    print(f"seatledger: the log knew no {id} then", file=sys.stderr)
    return FAILED


def register(commands: Any) -> None:
    """Looking into the past of one booking, flight or waiting party."""
    options = [DATA, JSON]
    timeline = add(commands, "history", history, "every event of ID: who, and caused by what", options)
    again = add(commands, "replay", replay, "fold the events of ID anew", options)
    again.add_argument("--to", type=int, metavar="VERSION", help="up to this version (the last)")
    then = add(commands, "show", show, "what ID was at any time", options)
    moment = then.add_mutually_exclusive_group()
    moment.add_argument("--as-of", type=_time, metavar="TIME", help="2031-05-01T12:00:00Z, or any offset")
    moment.add_argument("--position", type=int, metavar="N", help="right after this position of the log")
    for parser in (timeline, again, then):
        parser.add_argument("id", type=UUID, metavar="ID", help="of a booking, a flight or a waiting party")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no offset from UTC")
    return time
