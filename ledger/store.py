"""The store: a block's two round trips to PostgreSQL. Loads under the head lock; writes, then COMMIT."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.errors import Diagnostic

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from database.connection import Connection, connect, socket_deadline
from database.pipeline import PendingResult, Pipeline
from domain.booking import Booking
from domain.flight import Flight
from domain.read_set import ReadSet
from domain.seats import Seats
from domain.waiting import WaitingParty
from domain.working_set import Terms, WorkingSet
from ledger import statements as sql
from ledger.block import Block
from ledger.block_input import BlockInput
from ledger.chain import GENESIS
from ledger.flight_cache import FlightCache
from ledger.ids import new_id
from ledger.keyring import Keyring
from ledger.log import RecordedEvent, fold
from ledger.people import BlockPeople
from ledger.records import RecordedCommand
from ledger.submission import Submission
from runtime.settings import Settings

HEAD_LOCK = 0x5EA7_0002
"""Advisory lock that puts all blocks of all processes in one order; held until COMMIT."""

CHANNEL = "seatledger"
"""NOTIFY channel; the payload is the position of the new head."""


async def open_store(url: str, settings: Settings, keyring: Keyring | None = None) -> "Store":
    """A store on a connection of its own. Raises psycopg.Error."""
    connection = await connect(url, "seatledger writer")
    store = Store(connection, terms(settings), keyring)
    try:
        await store.prepare(settings.deadline_seconds)
    except BaseException:
        await connection.close()
        raise
    return store


def terms(settings: Settings) -> Terms:
    """What the settings say of holds and payments."""
    return Terms(
        timedelta(seconds=settings.hold_seconds),
        timedelta(seconds=settings.capture_seconds),
        timedelta(seconds=settings.offer_seconds),
        settings.gateway,
    )


class NotReplicated(psycopg.OperationalError):
    """COMMIT was answered with a warning: the synchronous standby may not have the transaction."""


class _Ahead(NamedTuple):
    """How much of a block was sent ahead."""

    events: int = 0
    commands: int = 0


class Store:
    """A connection of the writer's own. After any error the transaction is open: close the connection.

    It stays in pipeline mode. Leaving that mode after each round trip would cost time, and what psycopg sends
    then makes PostgreSQL forget its idle-in-transaction timer, which takes the lock from a frozen writer.
    """

    def __init__(self, connection: Connection, terms: Terms, keyring: Keyring | None = None) -> None:
        """Without a keyring names are taken for pseudonyms."""
        self.connection = connection
        self._terms = terms
        self._pipeline: Pipeline | None = None
        self._locked = False
        self._keyring = keyring
        self._submissions: Sequence[Submission] = ()
        self._warning = ""
        self._remembered = FlightCache()
        self._ahead = _Ahead()
        connection.add_notice_handler(self._notice)

    async def prepare(self, transaction_seconds: float) -> None:
        """Settings of the session: every plan by index; a frozen writer loses the lock in bounded time."""
        milliseconds = int(transaction_seconds * 1000)
        await self.connection.execute(
            sql.SESSION, {"ms": str(milliseconds), "idle": str(min(milliseconds, 2_000))}, prepare=False
        )
        self._pipeline = Pipeline(self.connection)

    async def close(self) -> None:
        """The transaction dies with its connection, and so does everything the server had prepared."""
        await self.connection.close()

    def socket_deadline(self, seconds: float) -> AbstractContextManager[None]:
        return socket_deadline(self.connection, seconds)

    async def lock(self) -> None:
        """Begin, and wait for the head lock: whoever comes meanwhile can still be part of the block."""
        self._begin()
        await self._sync()

    def _begin(self) -> None:
        self._send("begin")
        self._send(sql.LOCK, (HEAD_LOCK,))
        self._locked = True

    async def load(self, submissions: Sequence[Submission]) -> BlockInput:
        """One round trip: take the head lock, if `lock` has not, and read all that these may touch."""
        wanted = ReadSet.of(one.command for one in submissions)
        flights, bookings = list(wanted.flights), list(wanted.bookings)
        refunds = list(wanted.refunds)
        seats = natural = people = None
        if not self._locked:
            self._begin()
        self._locked = False
        head = self._send(sql.HEAD)
        commands = self._send(sql.COMMANDS, self._keys(submissions))
        remembered = self._remembered.of(wanted)
        streams = self._send(*_streams(wanted, remembered))
        if flights or bookings or refunds:
            seats = self._send(sql.SEATS, (bookings, flights, refunds))
        if self._keyring:
            lookups = [self._keyring.lookup(name) for one in submissions for name in one.names]
            people = self._send(sql.PEOPLE, (lookups, bookings, refunds, list(wanted.parties)))
        if wanted.natural_keys:
            natural = self._send(sql.NATURAL, sql.columns(list(wanted.natural_keys), 3))
        await self._sync()
        now, position, last_hash = (head.rows())[0]
        world = WorkingSet(now, self._terms, new_id)
        world.flights.update({flight.id: flight for flight in remembered})
        fill(world, streams.rows())
        if seats:
            world.seats = {row[0]: Seats(*row[1:]) for row in seats.rows()}
        if natural:
            world.scheduled = {(row[0], row[1], row[2]): row[3] for row in natural.rows()}
        recorded = [RecordedCommand(*row) for row in commands.rows()]
        known = {(c.actor, c.operation, c.key): c for c in recorded}
        loaded = BlockInput(position or 0, last_hash or GENESIS, known, world)
        if self._keyring and people:
            loaded.people = BlockPeople(self._keyring, people.rows(), world)
            loaded.people.pseudonymise(submissions)
            self._submissions = submissions
        return loaded

    def _keys(self, submissions: Sequence[Submission]) -> tuple[list[Any], ...]:
        """By whom as submitted, or rather by what he is looked up by; which operation, which key."""
        rows = []
        for one in submissions:
            subject = one.asked[1].subject
            named = self._keyring is not None and one.names
            lookup = self._keyring.lookup(subject) if self._keyring and named else b""
            rows.append(("" if named else subject, lookup, one.operation, one.key))
        return sql.columns(rows, 4)

    def send_ahead(self, block: Block) -> None:
        """What the block came to so far: PostgreSQL writes it while the next commands are decided."""
        self._send_decided(block)
        assert self._pipeline
        self._pipeline.flush()

    async def write(self, block: Block) -> None:
        """Second round trip: all else the block came to, and COMMIT. After an error nothing is known."""
        self._warning = ""
        self._send_decided(block)
        self._ahead = _Ahead()
        register = block.loaded.people
        if register and (newcomers := register.newcomers(block.commands, self._submissions)):
            self._send(sql.INSERT_PEOPLE, sql.person_columns(newcomers))
        if block.events:
            seats = block.loaded.world.seats
            self._send(sql.UPSERT_SEATS, sql.seat_columns({id: seats[id] for id in block.touched_seats}))
            self._send(sql.NOTIFY, (CHANNEL, str(block.position)))
        if not block.commands:
            self._send(sql.WAIT_FOR_STANDBY)
        self._send("commit")
        await self._sync()
        if self._warning:
            raise NotReplicated(self._warning)
        self._remembered.keep(block.loaded.world.flights.values())

    def _send_decided(self, block: Block) -> None:
        """Events and outcomes that were not sent yet, and the rows of all that these events are of."""
        events, commands = block.events[self._ahead.events :], block.commands[self._ahead.commands :]
        self._ahead = _Ahead(len(block.events), len(block.commands))
        if events:
            self._send(sql.INSERT_EVENTS, sql.event_columns(events))
            touched = dict.fromkeys(event.originator_id for event in events)
            if flights := [block.flights[id] for id in touched if id in block.flights]:
                self._send(*projections.flights.upsert(flights))
            if bookings := [block.bookings[id] for id in touched if id in block.bookings]:
                self._send(*projections.bookings.upsert(bookings))
                if any(booking.refunds for booking in bookings):
                    self._send(*projections.refunds.upsert(bookings))
            if parties := [block.parties[id] for id in touched if id in block.parties]:
                self._send(*projections.waiting.upsert(parties))
        if commands:
            self._send(sql.INSERT_COMMANDS, sql.command_columns(commands))

    async def abandon(self) -> None:
        """Instead of `write`: let others have the lock. What only read may as well commit."""
        self._remembered.forget()
        self._send("commit")
        await self._sync()

    def _notice(self, notice: Diagnostic) -> None:
        """A cancelled wait for the standby ends in success and a warning, in the server's language."""
        if notice.severity_nonlocalized == "WARNING":
            self._warning = notice.message_primary or "warning"

    async def _sync(self) -> None:
        assert self._pipeline
        await self._pipeline.sync()

    def _send(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> PendingResult:
        assert self._pipeline
        return self._pipeline.send(statement, parameters)


def _streams(wanted: ReadSet, known: Sequence[Flight]) -> tuple[LiteralString, list[Any]]:
    """One statement for all that these commands fold, and nothing in it that they have no use for."""
    ids: list[LiteralString] = [sql.NAMED]
    parameters: list[Any] = [[*wanted.flights, *wanted.bookings, *wanted.parties]]
    if wanted.captures or wanted.refunds or wanted.all_bookings_of:
        ids.append(sql.BESIDES)
        parameters += [list(wanted.captures), list(wanted.refunds), list(wanted.all_bookings_of)]
    if wanted.seats_needed or wanted.captures:
        ids.append(sql.DUE)
        needed = wanted.seats_needed
        parameters += [list(needed), list(needed.values()), list(wanted.captures)]
    if any(wanted.waiting_lists):
        ids.append(sql.LINES)
        parameters += [list(line) for line in wanted.waiting_lists]
    parameters += [[flight.version for flight in known], [flight.id for flight in known]]
    return sql.streams(*ids), parameters


def fill(world: WorkingSet, rows: Sequence[tuple[Any, ...]]) -> None:
    """Fold events, columns as in COLUMNS, in order within each stream, onto what is there of flights."""
    for originator_id, events in groupby((RecordedEvent(*row) for row in rows), _ORIGINATOR):
        match fold(events, world.flights.get(originator_id)):
            case Flight() as flight:
                world.flights[originator_id] = flight
            case Booking() as booking:
                world.bookings[originator_id] = booking
            case WaitingParty() as party:
                world.waiting[originator_id] = party


_ORIGINATOR = attrgetter("originator_id")
