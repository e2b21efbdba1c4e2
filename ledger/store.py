"""The store: a block's two round trips to PostgreSQL. Loads under the head lock; writes, then COMMIT."""

# ruff: noqa: S608 - statements are put together from constants of this project only

import contextlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, LiteralString, Self
from uuid import UUID

import psycopg
from psycopg import AsyncCursor, AsyncPipeline
from psycopg.errors import Diagnostic
from psycopg.types.numeric import Int2, Int4, Int8

import projections.bookings
import projections.flights
import projections.refunds
from domain.booking import Booking
from domain.commands import (
    FLIGHT_SEATS_MAX,
    CancelBooking,
    CancelFlight,
    CancelWithFlight,
    CapturePayment,
    ChangeFlightSeats,
    ExpireHold,
    InitiateBooking,
    PayBooking,
    ReduceSeats,
    RepriceFlight,
    ScheduleFlight,
    SettleRefund,
    VoidPayment,
)
from domain.flight import Flight
from domain.seats import Seats
from domain.working_set import NaturalKey, WorkingSet
from ledger.block import Block, Loaded, RecordedCommand
from ledger.chain import GENESIS
from ledger.connection import Connection, connect, severed_after
from ledger.ids import new_id
from ledger.log import COLUMNS, RecordedEvent, fold
from ledger.settings import Settings
from ledger.submission import CommandKey, Submission

HEAD_LOCK = 0x5EA7_0002
"""Advisory lock that puts all blocks of all processes in one order; held until COMMIT."""

CHANNEL = "seatledger"
"""NOTIFY channel; the payload is the position of the new head."""

_NO_UUID = UUID(int=0)


@dataclass(slots=True)
class Wanted:
    """What the commands of a block touch.

    `captures` are bookings that may need their seats again, `refunds` stand for their bookings, and `emptied`
    are flights whose live bookings are all touched.
    """

    keys: list[CommandKey] = field(default_factory=list)
    flights: set[UUID] = field(default_factory=set)
    bookings: set[UUID] = field(default_factory=set)
    seats_needed: dict[UUID, int] = field(default_factory=dict)
    captures: set[UUID] = field(default_factory=set)
    refunds: set[UUID] = field(default_factory=set)
    emptied: set[UUID] = field(default_factory=set)
    natural_keys: set[NaturalKey] = field(default_factory=set)

    @classmethod
    def by(cls, submissions: Iterable[Submission]) -> Self:
        wanted = cls()
        for submission in submissions:
            wanted.keys.append(submission.command_key)
            match submission.command:
                case InitiateBooking(flight_id=flight_id, seats=seats):
                    wanted.flights.add(flight_id)
                    wanted.seats_needed[flight_id] = wanted.seats_needed.get(flight_id, 0) + seats
                case ChangeFlightSeats(flight_id=flight_id):
                    wanted.flights.add(flight_id)
                    wanted.seats_needed[flight_id] = FLIGHT_SEATS_MAX
                case RepriceFlight(flight_id=flight_id):
                    wanted.flights.add(flight_id)
                case CancelFlight(flight_id=flight_id):
                    wanted.flights.add(flight_id)
                    wanted.emptied.add(flight_id)
                case CapturePayment(booking_id=booking_id):
                    wanted.bookings.add(booking_id)
                    wanted.captures.add(booking_id)
                case PayBooking() | VoidPayment() | ReduceSeats() | CancelBooking():
                    wanted.bookings.add(submission.command.booking_id)
                case ExpireHold() | CancelWithFlight():
                    wanted.bookings.add(submission.command.booking_id)
                case SettleRefund(refund_id=refund_id):
                    wanted.refunds.add(refund_id)
                case ScheduleFlight() as command:
                    wanted.natural_keys.add((command.number, command.origin, command.departure_day))
        return wanted


async def open_store(url: str, settings: Settings) -> "Store":
    """A store on a connection of its own. Raises psycopg.Error."""
    connection = await connect(url, "seatledger writer")
    hold, window = timedelta(seconds=settings.hold_seconds), timedelta(seconds=settings.capture_seconds)
    store = Store(connection, hold, window)
    try:
        await store.prepare(settings.deadline_seconds)
    except BaseException:
        await connection.close()
        raise
    return store


class NotReplicated(psycopg.OperationalError):
    """COMMIT was answered with a warning: the synchronous standby may not have the transaction."""


class Store:
    """A connection of the writer's own. After any error the transaction is open: close the connection.

    It stays in pipeline mode. Leaving that mode after each round trip would cost time, and what psycopg sends
    then makes PostgreSQL forget its idle-in-transaction timer, which takes the lock from a frozen writer.
    """

    def __init__(self, connection: Connection, hold: timedelta, capture_window: timedelta) -> None:
        self.connection = connection
        self._hold = hold
        self._capture_window = capture_window
        self._pipelined = connection.pipeline()
        self._pipeline: AsyncPipeline | None = None
        self._warning = ""
        connection.add_notice_handler(self._notice)

    async def prepare(self, transaction_seconds: float) -> None:
        """Settings of the session: every plan by index; a frozen writer loses the lock in bounded time."""
        milliseconds = int(transaction_seconds * 1000)
        await self.connection.execute(
            _SESSION, {"ms": str(milliseconds), "idle": str(min(milliseconds, 2_000))}, prepare=False
        )
        self._pipeline = await self._pipelined.__aenter__()

    async def close(self) -> None:
        """The transaction dies with its connection, and so does everything the server had prepared."""
        await self.connection.close()
        if self._pipeline:
            with contextlib.suppress(psycopg.Error):
                await self._pipelined.__aexit__(None, None, None)

    def severed_after(self, seconds: float) -> AbstractContextManager[None]:
        return severed_after(self.connection, seconds)

    async def load(self, submissions: Sequence[Submission]) -> Loaded:
        """First round trip: take the head lock, then read all that these submissions may touch."""
        wanted = Wanted.by(submissions)
        flights, bookings = list(wanted.flights), list(wanted.bookings)
        captures, refunds, emptied = list(wanted.captures), list(wanted.refunds), list(wanted.emptied)
        due = more = seats = natural = None
        await self._send("begin")
        await self._send(_LOCK, (HEAD_LOCK,))
        head = await self._send(_HEAD)
        commands = await self._send(_COMMANDS, _columns(wanted.keys, 3))
        streams = await self._send(_STREAMS, (flights + bookings,))
        if captures or refunds or emptied:
            more = await self._send(_MORE_STREAMS, (captures, refunds, emptied))
        if wanted.seats_needed or captures:
            needed = [Int4(n) for n in wanted.seats_needed.values()]
            due = await self._send(_DUE_STREAMS, (list(wanted.seats_needed), needed, captures))
        if flights or bookings or refunds:
            seats = await self._send(_SEATS, (bookings, flights, refunds))
        if wanted.natural_keys:
            natural = await self._send(_NATURAL, _columns(list(wanted.natural_keys), 3))
        await self._sync()
        now, position, last_hash = (await head.fetchall())[0]
        world = WorkingSet(now, self._hold, self._capture_window, new_id)
        fill(world, [row for found in (streams, more, due) if found for row in await found.fetchall()])
        if seats:
            world.seats = {row[0]: Seats(*row[1:]) for row in await seats.fetchall()}
        if natural:
            world.scheduled = {(row[0], row[1], row[2]): row[3] for row in await natural.fetchall()}
        recorded = [RecordedCommand(*row) for row in await commands.fetchall()]
        return Loaded(
            position or 0, last_hash or GENESIS, {(c.actor, c.operation, c.key): c for c in recorded}, world
        )

    async def write(self, block: Block) -> None:
        """Second round trip: everything the block came to, and COMMIT. After an error nothing is known."""
        self._warning = ""
        if block.events:
            await self._send(_INSERT_EVENTS, _event_columns(block.events))
            seats = block.loaded.world.seats
            await self._send(_UPSERT_SEATS, _seat_columns({id: seats[id] for id in block.touched_seats}))
            if block.flights:
                await self._send(*projections.flights.upsert(list(block.flights.values())))
            if block.bookings:
                await self._send(*projections.bookings.upsert(list(block.bookings.values())))
                if any(booking.refunds for booking in block.bookings.values()):
                    await self._send(*projections.refunds.upsert(list(block.bookings.values())))
            await self._send(_NOTIFY, (CHANNEL, str(block.position)))
        if block.commands:
            await self._send(_INSERT_COMMANDS, _command_columns(block.commands))
        else:
            await self._send(_WAIT_FOR_STANDBY)
        await self._send("commit")
        await self._sync()
        if self._warning:
            raise NotReplicated(self._warning)

    async def abandon(self) -> None:
        """Instead of `write`: let others have the lock.

        What only read may as well commit. After a ROLLBACK psycopg forgets its prepared statements, and in
        pipeline mode it does so while the next ones are under way.
        """
        await self._send("commit")
        await self._sync()

    def _notice(self, notice: Diagnostic) -> None:
        """A cancelled wait for the standby ends in success and a warning, in the server's language."""
        if notice.severity_nonlocalized == "WARNING":
            self._warning = notice.message_primary or "warning"

    async def _sync(self) -> None:
        assert self._pipeline
        await self._pipeline.sync()

    async def _send(
        self, statement: LiteralString, parameters: Sequence[Any] = ()
    ) -> AsyncCursor[tuple[Any, ...]]:
        return await self.connection.execute(statement, parameters, binary=True)


def fill(world: WorkingSet, rows: list[tuple[Any, ...]]) -> None:
    """Fold events, columns as in COLUMNS, in order within each stream; a due booking may come twice."""
    streams: dict[UUID, dict[int, RecordedEvent]] = {}
    for row in rows:
        event = RecordedEvent(*row)
        streams.setdefault(event.originator_id, {})[event.originator_version] = event
    for originator_id, events in streams.items():
        match fold(events.values()):
            case Flight() as flight:
                world.flights[originator_id] = flight
            case Booking() as booking:
                world.bookings[originator_id] = booking


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True)) or ([],) * width


def _event_columns(events: list[RecordedEvent]) -> tuple[Any, ...]:
    return (
        [Int8(e.position) for e in events],
        [e.originator_id for e in events],
        [Int4(e.originator_version) for e in events],
        [e.topic for e in events],
        [e.state for e in events],
        [e.actor for e in events],
        [e.operation for e in events],
        [Int2(e.ordinal) for e in events],
        [e.causation_id for e in events],
        [e.correlation_id for e in events],
        [e.traceparent for e in events],
        [e.recorded_at for e in events],
        [e.command_hash for e in events],
        [e.hash for e in events],
    )


def _command_columns(commands: list[RecordedCommand]) -> tuple[Any, ...]:
    return (
        [c.actor for c in commands],
        [c.operation for c in commands],
        [c.key for c in commands],
        [c.fingerprint for c in commands],
        [Int2(c.status) for c in commands],
        [c.body for c in commands],
        # An array of nothing but nulls would have no type, so zero stands for null on the way in.
        [c.subject_id or _NO_UUID for c in commands],
        [Int4(c.version) for c in commands],
        [Int8(c.first_position or 0) for c in commands],
        [Int8(c.last_position) for c in commands],
        [c.correlation_id for c in commands],
        [c.recorded_at for c in commands],
    )


def _seat_columns(seats: dict[UUID, Seats]) -> tuple[Any, ...]:
    return (
        list(seats),
        [Int4(count.seats) for count in seats.values()],
        [Int4(count.held) for count in seats.values()],
        [Int4(count.booked) for count in seats.values()],
    )


# Sequential scans, hash and merge joins are off so that a plan made while a table was small and kept by the
# session does not turn into a scan of millions of rows. A lost synchronous_commit is put right here and
# refused by readiness.
_SESSION: LiteralString = """
    select set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
        set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),
        set_config('statement_timeout', %(ms)s, false), set_config('lock_timeout', %(ms)s, false),
        set_config('idle_in_transaction_session_timeout', %(idle)s, false),
        set_config('synchronous_commit', case current_setting('synchronous_commit')
            when 'off' then 'on' else current_setting('synchronous_commit') end, false)
"""

_LOCK: LiteralString = "select pg_advisory_xact_lock(%b)"

_LAST: LiteralString = "select position, hash, recorded_at from ledger.events order by position desc limit 1"

# Time in the log never goes backwards, whatever the server's clock does.
_HEAD: LiteralString = f"""
    select greatest(statement_timestamp(), last.recorded_at), last.position, last.hash
    from (values (1)) as one left join lateral ({_LAST}) as last on true
"""

_COMMANDS: LiteralString = """
    select c.actor, c.operation, c.key, c.fingerprint, c.status, c.body, c.subject_id, c.version,
        c.first_position, c.last_position, c.correlation_id, c.recorded_at
    from unnest(%b::text[], %b::text[], %b::text[]) as asked (actor, operation, key)
    join ledger.commands c using (actor, operation, key)
"""

_STREAMS: LiteralString = f"""
    select {COLUMNS} from ledger.events where originator_id = any (%b::uuid[])
    order by originator_id, originator_version
"""

# Due holds of flights that are too full for what is asked of them, oldest first: each frees a seat at least,
# so as many holds as seats needed are enough. This is a little later than the head's time, so no hold that is
# due by that is missed; the aggregate decides again.
_DUE_STREAMS: LiteralString = f"""
    select {", ".join("e." + name.strip() for name in COLUMNS.split(","))}
    from (
        select flight_id, sum(seats) as seats from (
            select * from unnest(%b::uuid[], %b::int4[]) as asked (flight_id, seats)
            union all
            select flight_id, seats from views.bookings where id = any (%b::uuid[])
        ) as one group by flight_id
    ) as needed
    join ledger.seats s on s.flight_id = needed.flight_id and s.seats - s.held - s.booked < needed.seats
    cross join lateral (
        select id from views.bookings
        where flight_id = needed.flight_id
            and held_until <= greatest(statement_timestamp(), (select recorded_at from ({_LAST}) as last))
        order by held_until limit needed.seats
    ) as due
    join ledger.events e on e.originator_id = due.id
    order by e.originator_id, e.originator_version
"""

# The flights of bookings that may be seated again, the bookings of refunds, those of cancelled flights.
_MORE_STREAMS: LiteralString = f"""
    select {COLUMNS} from ledger.events where originator_id = any (
        array(select flight_id from views.bookings where id = any (%b::uuid[]))
        || array(select booking_id from views.refunds where id = any (%b::uuid[]))
        || array(select id from views.bookings where flight_id = any (%b::uuid[]) and status <> 'cancelled'))
    order by originator_id, originator_version
"""

_SEATS: LiteralString = """
    select flight_id, seats, held, booked from ledger.seats where flight_id = any (
        array(select flight_id from views.bookings where id = any (%b::uuid[])) || %b::uuid[]
        || array(select flight_id from views.refunds where id = any (%b::uuid[])))
"""

_NATURAL: LiteralString = """
    select f.number, f.origin, f.departure_day, f.id
    from unnest(%b::text[], %b::text[], %b::date[]) as asked (number, origin, departure_day)
    join views.flights f using (number, origin, departure_day)
"""

_INSERT_EVENTS: LiteralString = f"""
    insert into ledger.events ({COLUMNS}) select * from unnest(
        %b::int8[], %b::uuid[], %b::int4[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int2[],
        %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::bytea[], %b::bytea[])
"""

_INSERT_COMMANDS: LiteralString = """
    insert into ledger.commands (actor, operation, key, fingerprint, status, body, subject_id, version,
        first_position, last_position, correlation_id, recorded_at)
    select actor, operation, key, fingerprint, status, body,
        nullif(subject_id, '00000000-0000-0000-0000-000000000000'), version,
        nullif(first_position, 0), last_position, correlation_id, recorded_at
    from unnest(
        %b::text[], %b::text[], %b::text[], %b::bytea[], %b::int2[], %b::text[], %b::uuid[], %b::int4[],
        %b::int8[], %b::int8[], %b::text[], %b::timestamptz[]
    ) as new (actor, operation, key, fingerprint, status, body, subject_id, version,
        first_position, last_position, correlation_id, recorded_at)
"""

_UPSERT_SEATS: LiteralString = """
    insert into ledger.seats (flight_id, seats, held, booked)
    select * from unnest(%b::uuid[], %b::int4[], %b::int4[], %b::int4[])
    on conflict (flight_id) do update set
        seats = excluded.seats, held = excluded.held, booked = excluded.booked
"""

_NOTIFY: LiteralString = "select pg_notify(%b, %b)"

# What was committed before may have reached no standby: its wait was cut short, or the server was killed and
# came back. So answers from the log wait like new ones. Only a transaction that wrote something waits.
_WAIT_FOR_STANDBY: LiteralString = """
    select pg_logical_emit_message(true, 'seatledger', '')
    where current_setting('synchronous_standby_names') <> ''
"""
