"""The store: the two round trips of a block to PostgreSQL. Loads under the head lock, writes, commits."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.errors import Diagnostic

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from database.connection import Connection, connect, socket_deadline
from database.pipeline import PendingResult, Pipeline
from database.sandbox import check_kind
from domain.booking import Booking
from domain.read_set import ReadSet
from domain.seats import Seats
from domain.working_set import Terms, WorkingSet
from ledger import statements as sql
from ledger.block import Block
from ledger.block_input import BlockInput
from ledger.block_people import BlockPeople
from ledger.chain import GENESIS
from ledger.flight_cache import FlightCache
from ledger.ids import new_id
from ledger.keyring import NO_KEYRING, Keyring
from ledger.loading import (
    SeatsFound,
    fill,
    people_to_load,
    rest_to_load,
    seats_tell_the_rest,
    seats_to_load,
    streams_to_load,
    users_with_limit,
)
from ledger.log import EVENTS, RecordedEvent
from ledger.passenger_index import NAMES, REMOVE
from ledger.records import COMMANDS, RecordedCommand
from ledger.submission import Submission
from runtime.settings import Settings

Admission = Callable[[Connection], Awaitable[None]]
"""A check of the log on each new connection of the writer. Raises psycopg.Error to keep commands out."""


async def open_store(
    url: str,
    settings: Settings,
    keyring: Keyring = NO_KEYRING,
    admit: Admission | None = None,
    number: int = 0,
    closed: Callable[[], None] = lambda: None,
    store_type: "type[Store] | None" = None,
) -> "Store":
    """Return a store on a connection of its own, if `admit` lets it in. Raises psycopg.Error.

    `number` is the ledger's; its ids contain it. `closed` is called once when the store is closed,
    and `store_type` is that of a sandbox.
    """
    connection = await connect(url, "seatledger writer")
    store = (store_type or Store)(connection, terms(settings), keyring, number)
    try:
        await check_kind(connection, settings.sandbox)
        if admit:
            await admit(connection)
        await store.prepare(settings.deadline_seconds)
    except BaseException:
        await connection.close()
        raise
    store.closed = closed
    return store


def terms(settings: Settings) -> Terms:
    """Return the limits of holds, payments and offers, and the gateway, that the settings name."""
    return Terms(
        timedelta(seconds=settings.hold_seconds),
        timedelta(seconds=settings.capture_seconds),
        timedelta(seconds=settings.offer_seconds),
        settings.gateway,
        settings.unpaid_seats_per_user,
        timedelta(hours=settings.delay_hours_max),
        timedelta(minutes=settings.small_change_minutes),
        timedelta(hours=settings.answer_hours),
    )


class NotReplicated(psycopg.OperationalError):
    """COMMIT ended with a warning: the synchronous standby may not have the transaction."""


class HeadRowMissing(psycopg.OperationalError):
    """ledger.head has no row to lock, so blocks have no order: insert into ledger.head values (true)."""


class _Ahead(NamedTuple):
    """The numbers of events and commands of a block that were sent before `write`."""

    events: int = 0
    commands: int = 0


class Store:
    """The writer's connection. After any error the transaction is open: close the connection.

    The connection stays in pipeline mode. Leaving that mode after each round trip would cost time, and what
    psycopg sends for it stops PostgreSQL's idle-in-transaction timer, which ends a frozen writer.
    """

    def __init__(
        self, connection: Connection, terms: Terms, keyring: Keyring = NO_KEYRING, number: int = 0
    ) -> None:
        self.connection = connection
        self._new_id = partial(new_id, number)
        self._terms = terms
        self._pipeline: Pipeline | None = None
        self._lock: PendingResult | None = None
        self._keyring = keyring
        self._submissions: Sequence[Submission] = ()
        self._warning = ""
        self._flight_cache = FlightCache()
        self._ahead = _Ahead()
        self.closed: Callable[[], None] = lambda: None
        connection.add_notice_handler(self._note_warning)

    async def prepare(self, transaction_seconds: float) -> None:
        """Set planner options, and the time limits after which a frozen writer loses the lock."""
        milliseconds = int(transaction_seconds * 1000)
        await self.connection.execute(
            sql.SESSION, {"ms": str(milliseconds), "idle": str(min(milliseconds, 2_000))}, prepare=False
        )
        self._pipeline = Pipeline(self.connection)

    async def close(self) -> None:
        """Close the connection; its transaction and prepared statements end with it."""
        try:
            await self.connection.close()
        finally:
            self.closed()

    def socket_deadline(self, seconds: float) -> AbstractContextManager[None]:
        return socket_deadline(self.connection, seconds)

    async def lock(self) -> None:
        """Begin, and wait for the head lock. Commands that arrive meanwhile can join the block."""
        self._lock = self._begin()
        await self._sync()

    def _begin(self) -> PendingResult:
        self._send("begin")
        return self._send(sql.HEAD_LOCK)

    async def load(self, submissions: Sequence[Submission]) -> BlockInput:
        """Read everything that these commands may touch, and take the lock unless held.

        That takes one round trip, and another if seats are short or flights have waiting lists.
        """
        read_set = ReadSet.of(one.command for one in submissions)
        natural = None
        lock, self._lock = self._lock or self._begin(), None
        head = self._send(sql.HEAD)
        commands = self._send(sql.FIND_COMMANDS, self._command_keys(submissions))
        cached = self._flight_cache.candidates(read_set)
        streams = self._send(*streams_to_load(read_set, cached))
        to_load = seats_to_load(read_set)
        seats = self._send(*to_load) if to_load else None
        lookups = [self._keyring.lookup_hash(name) for one in submissions for name in one.names]
        asking = users_with_limit(submissions, self._terms)
        people = self._send(*people_to_load(read_set, lookups, bool(asking)))
        if read_set.natural_keys:
            keys = sql.transpose(list(read_set.natural_keys), 3)
            natural = self._send(sql.FIND_BY_NATURAL_KEY, keys)
        elif read_set.new_days:  # a command with a block of its own
            natural = self._send(sql.FIND_OTHER_DAYS, sql.transpose(list(read_set.new_days), 2))
        await self._sync()
        if not lock.rows():
            raise HeadRowMissing(str(HeadRowMissing.__doc__))
        now, position, last_hash = head.rows()[0]
        working_set = WorkingSet(now, self._terms, self._new_id)
        working_set.flights.update({flight.id: flight for flight in cached})
        fill(working_set, streams.rows())
        if seats:
            found = [SeatsFound(*row) for row in seats.rows()]
            working_set.seats = {one.flight_id: Seats(*one[1:5]) for one in found}
            if read_set.departures:
                working_set.departures = {one.flight_id: one.departure for one in found if one.departure}
            if seats_tell_the_rest(read_set):
                await self._load_rest(read_set, found, working_set)
        if natural:
            working_set.scheduled = {(row[0], row[1], row[2]): row[3] for row in natural.rows()}
        recorded = [RecordedCommand(*row) for row in commands.rows()]
        outcomes = {(c.actor, c.operation, c.key): c for c in recorded}
        block_people = BlockPeople(self._keyring, people.rows(), working_set)
        block_people.pseudonymise(submissions)
        working_set.unpaid_seats = block_people.unpaid_seats(asking)
        self._submissions = submissions
        return BlockInput(position or 0, last_hash or GENESIS, outcomes, working_set, block_people)

    async def _load_rest(
        self, read_set: ReadSet, seats: Sequence[SeatsFound], working_set: WorkingSet
    ) -> None:
        """Load due holds and waiting lists, if these seats tell of any."""
        if query := rest_to_load(read_set, seats, working_set):
            rest = self._send(*query)
            await self._sync()
            fill(working_set, rest.rows())

    def _command_keys(self, submissions: Sequence[Submission]) -> tuple[list[Any], ...]:
        """Return arrays for FIND_COMMANDS. A name is replaced by its lookup hash, a system actor stays."""
        rows = []
        for one in submissions:
            subject = one.original[1].subject
            owner = self._keyring.command_owner(subject) if one.names else (subject, b"")
            rows.append((*owner, one.operation, one.key))
            if one.older_key:
                rows.append((*owner, one.operation, one.older_key))
        return sql.transpose(rows, 4)

    def send_ahead(self, block: Block) -> None:
        """Send the first part of a block, which PostgreSQL writes while the rest is decided."""
        self._send_decided(block)
        assert self._pipeline
        self._pipeline.flush()

    async def write(self, block: Block) -> None:
        """Write the rest of the block and commit, in one round trip. An error leaves the outcome unknown."""
        self._warning = ""
        self._send_decided(block)
        self._ahead = _Ahead()
        if new_people := block.input.people.new_people(block.commands, self._submissions):
            self._send(*sql.PEOPLE.insert(new_people))
        if block.events:
            self._send(*sql.SEATS.upsert(_seat_rows(block)))
        if not block.commands:
            self._send(sql.WAIT_FOR_STANDBY_ONLY)
        self._send("commit")
        await self._sync()
        if self._warning:
            raise NotReplicated(self._warning)
        self._flight_cache.put(block.input.working_set.flights.values())

    def _send_decided(self, block: Block) -> None:
        """Send the events and outcomes that were not sent yet, and the view rows that these events change."""
        events, commands = block.events[self._ahead.events :], block.commands[self._ahead.commands :]
        self._ahead = _Ahead(len(block.events), len(block.commands))
        if events:
            self._send(*EVENTS.insert(events))
            touched = dict.fromkeys(event.originator_id for event in events)
            if flights := [block.flights[id] for id in touched if id in block.flights]:
                self._send(*projections.flights.upsert(flights))
            if bookings := [block.bookings[id] for id in touched if id in block.bookings]:
                self._send_bookings(bookings, first_position=events[0].position)
                if any(booking.passengers for booking in bookings):
                    self._send_passenger_names(block, bookings, events)
                if any(booking.refunds for booking in bookings):
                    self._send(*projections.refunds.upsert(bookings))
            if parties := [block.parties[id] for id in touched if id in block.parties]:
                self._send(*projections.waiting.upsert(parties))
        if commands:
            self._send(*COMMANDS.insert(commands))

    def _send_bookings(self, bookings: Sequence[Booking], first_position: int) -> None:
        """Send the rows of bookings; those made at this position or later are new.

        An insert that need not look for the row first costs less.
        """
        if added := [booking for booking in bookings if booking.first_position >= first_position]:
            self._send(*projections.bookings.table_for(added).insert(added))
        if changed := [booking for booking in bookings if booking.first_position < first_position]:
            self._send(*projections.bookings.table_for(changed).upsert(changed))

    def _send_passenger_names(
        self, block: Block, bookings: Sequence[Booking], events: Sequence[RecordedEvent]
    ) -> None:
        """Send the rows of the index for bookings with newly named passengers."""
        named = {event.originator_id for event in events if event.topic == Booking.PassengersNamed.TOPIC}
        if not named:
            return
        self._send(REMOVE, (list(named),))
        rows = block.input.people.passenger_names([one for one in bookings if one.id in named])
        if rows:
            self._send(*NAMES.insert(rows))

    async def abandon(self) -> None:
        """End the transaction without writing, and release the lock."""
        self._flight_cache.clear()
        self._send("rollback")
        await self._sync()

    def _note_warning(self, notice: Diagnostic) -> None:
        """Note a warning. A cancelled wait for the standby ends in success and a warning, in any language."""
        if notice.severity_nonlocalized == "WARNING":
            self._warning = notice.message_primary or "warning"

    async def _sync(self) -> None:
        assert self._pipeline
        await self._pipeline.sync()

    def _send(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> PendingResult:
        assert self._pipeline
        return self._pipeline.send(statement, parameters)


def _seat_rows(block: Block) -> list[sql.SeatRow]:
    counts = ((id, block.input.working_set.seats[id]) for id in block.touched_seats)
    return [sql.SeatRow(id, one.seats, one.held, one.booked, one.overbooking) for id, one in counts]
