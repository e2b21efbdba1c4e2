"""Reading the log: recorded events, and aggregates folded from them."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, LiteralString, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult, rows
from database.select_list import join_conditions
from database.table import ArrayTable, BigInt, Integer, SmallInt, columns_of
from domain.booking import Booking
from domain.personal import PersonName
from domain.working_set import Subject
from ledger import codec

T = TypeVar("T")


class RecordedEvent(msgspec.Struct, frozen=True):
    """One row of the log. `state` is JSON text, `recorded_at` aware UTC."""

    position: BigInt
    originator_id: UUID
    originator_version: Integer
    topic: str
    state: str
    actor: PersonName
    operation: str
    ordinal: SmallInt
    causation_id: str
    correlation_id: str
    traceparent: str
    recorded_at: datetime
    command_hash: bytes
    hash: bytes

    @property
    def position_before_command(self) -> int:
        """The position before the first event of its command; the events of a command are adjacent."""
        return self.position - self.ordinal

    def decoded(self) -> Any:
        """Return the domain event."""
        return codec.decode(
            self.topic, self.state, self.originator_id, self.originator_version, self.recorded_at
        )

    def apply_to(self, aggregate: Any) -> Any:
        """Return the aggregate right after this event; `aggregate` is None for the first of a stream."""
        after = self.decoded().mutate(aggregate)
        if aggregate is None and isinstance(after, Booking):
            after.first_position = self.position
        return after


EVENTS: ArrayTable[RecordedEvent] = ArrayTable("events", columns_of(RecordedEvent))


async def read_stream(connection: Connection, originator_id: UUID) -> list[RecordedEvent]:
    """Return all events of one flight, booking or waiting party in version order; none for an unknown id."""
    return (await read_streams(connection, [originator_id])).value.get(originator_id, [])


async def read_streams(
    connection: Connection, ids: Sequence[UUID]
) -> QueryResult[dict[UUID, list[RecordedEvent]]]:
    """Return the events of at least one stream, by id, in version order; unknown ids are left out."""
    found = await rows(connection, _STREAMS, (ids,))
    streams: dict[UUID, list[RecordedEvent]] = {}
    for row in found:
        if row[1] is not None:
            streams.setdefault(row[2], []).append(RecordedEvent(*row[1:]))
    return QueryResult(found[0][0], streams)


_STREAMS: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {EVENTS.names_in("e")}
    from head left join events e on e.originator_id = any ({ID_ARRAY}) order by e.originator_version
"""


async def read_live_events(
    connection: Connection, flight_id: UUID, position: int
) -> tuple[datetime, list[RecordedEvent]]:
    """Return the time of a position, and the events up to it of a flight and of its bookings live at it.

    Events are in log order. A booking is live unless cancelled; a flight has at most as many as seats. Among
    them are bookings that were moved to or from the flight: `on_flight` leaves out those that were elsewhere.
    """
    cursor = await connection.execute(_TIME_AT, (position,), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        return datetime.min.replace(tzinfo=UTC), []
    cursor = await connection.execute(
        _LIVE_AT, (position, flight_id, flight_id, flight_id, position), prepare=True
    )
    return row[0], [RecordedEvent(*row) for row in await cursor.fetchall()]


# Bookings that were moved away from a flight, by a partial index.
_LEFT: LiteralString = """array(
    select originator_id from events
    where topic = 'booking.moved' and (state::jsonb ->> 'from_flight_id')::uuid = %s)
"""
_TIME_AT = "select recorded_at from events where position <= %s order by position desc limit 1"
_LIVE_AT: LiteralString = f"""
    select {EVENTS.names} from events
    where originator_id = any (array(
            select b.id from bookings b left join lateral (
                select topic from events where originator_id = b.id and position <= %s
                    and topic in ('booking.cancelled', 'booking.reseated')
                order by originator_version desc limit 1
            ) as turn on true
            where (b.flight_id = %s or b.id = any ({_LEFT}))
                and turn.topic is distinct from 'booking.cancelled'
        ) || %s::uuid) and position <= %s
    order by position
"""


async def find_position_at(connection: Connection, time: datetime) -> int:
    """Return the last position recorded by this time, or 0, by binary search: time never decreases."""
    last_event = await read_last_event(connection)
    low, high = 0, last_event.position if last_event else 0
    while low < high:
        middle = (low + high + 1) // 2
        row = await (await connection.execute(_TIME_AT, (middle,), prepare=True)).fetchone()
        assert row is not None
        low, high = (middle, high) if row[0] <= time else (low, middle - 1)
    return low


async def read_last_event(connection: Connection) -> RecordedEvent | None:
    """Return the event at the head of the log, or None for an empty log."""
    cursor = await connection.execute(_LAST, prepare=True)
    row = await cursor.fetchone()
    return None if row is None else RecordedEvent(*row)


_LAST: LiteralString = f"select {EVENTS.names} from events order by position desc limit 1"


def on_flight(streams: Mapping[UUID, Any], flight_id: UUID) -> list[Booking]:
    """Return the bookings among these aggregates that are on the flight."""
    return [one for one in streams.values() if isinstance(one, Booking) and one.flight_id == flight_id]


class EventSearch(msgspec.Struct, frozen=True):
    """Conditions of a page of events.

    `flight_id` includes the flight's waiting parties, and all bookings that are or were on the flight. With
    `owner`, only the events of that user's bookings and waiting parties are visible.
    """

    topic: str | None = None
    booking_id: UUID | None = None
    flight_id: UUID | None = None
    owner: str | None = None

    @property
    def is_scan(self) -> bool:
        """Return whether the search reads all events: no index finds events by topic alone."""
        return self.topic is not None and self.booking_id is None and self.flight_id is None

    @property
    def reads_all_of_owner(self) -> bool:
        """Return whether the search reads all streams of its owner."""
        return self.owner is not None and self.booking_id is None and self.flight_id is None


SCANNED_MAX = 50_000
"""Events read for one page of a scan."""

STREAMS_MAX = 10_000
"""Bookings and waiting parties of a user that a page reads by index. A page of a user with more is a scan."""


class EventPage(NamedTuple, Generic[T]):
    """Events in log order. `upto` is the position up to which the page is complete."""

    events: list[T]
    upto: int


async def page(
    connection: Connection, search: EventSearch, after: int, limit: int, head: int
) -> EventPage[RecordedEvent]:
    """Return at most `limit` events past `after`, up to `head` or, in a scan, from the next SCANNED_MAX."""
    own = await _changed_streams(connection, search.owner, after) if search.reads_all_of_owner else None
    is_scan = own is None and (search.is_scan or search.reads_all_of_owner)
    upto = min(after + SCANNED_MAX, head) if is_scan else head
    where, parameters = join_conditions(
        ("and topic = %s", search.topic),
        ("and originator_id = %s", search.booking_id),
        (_OF_FLIGHT, *[search.flight_id] * 4),
        ("and originator_id = any (%s)", own),
        (_OF_OWNER, search.owner, search.owner),
    )
    statement: LiteralString = f"""
        select {EVENTS.names} from events where position > %s and position <= %s {where}
        order by position limit %s
    """
    cursor = await connection.execute(statement, [after, upto, *parameters, limit], prepare=True)
    events = [RecordedEvent(*row) for row in await cursor.fetchall()]
    return EventPage(events, events[-1].position if len(events) == limit else upto)


async def _changed_streams(connection: Connection, owner: str | None, after: int) -> list[UUID] | None:
    """Return the bookings of a user that have events past `after`, and all the user's waiting parties.

    None if the user has more than STREAMS_MAX bookings, changed or not, or so many parties.
    """
    limit = STREAMS_MAX + 1
    cursor = await connection.execute(
        _CHANGED, (owner, limit, after, owner, limit, STREAMS_MAX), prepare=True
    )
    ids = [row[0] for row in await cursor.fetchall()]
    return ids if len(ids) <= STREAMS_MAX and None not in ids else None


# The last row is null if the user has more bookings than are read.
_CHANGED: LiteralString = """
    with own as materialized (select id, updated_at from bookings where user_id = %s limit %s),
        next as (select recorded_at from events where position > %s order by position limit 1)
    select id from own where updated_at >= (select recorded_at from next)
    union all (select id from waiting where user_id = %s limit %s)
    union all select null where (select count(*) from own) > %s
"""
_OF_OWNER: LiteralString = """
    and (exists (select from bookings b where b.id = originator_id and b.user_id = %s)
        or exists (select from waiting w where w.id = originator_id and w.user_id = %s))
"""
_OF_FLIGHT: LiteralString = f"""
    and originator_id = any (array(select id from bookings where flight_id = %s) || {_LEFT}
        || array(select id from waiting where flight_id = %s) || %s)
"""


def steps(events: Iterable[RecordedEvent]) -> Iterator[tuple[RecordedEvent, Any]]:
    """Yield each event of one stream with the aggregate right after it, which is one and the same object."""
    aggregate = None
    for event in events:
        aggregate = event.apply_to(aggregate)
        yield event, aggregate


def fold(events: Iterable[RecordedEvent], begun: Subject | None = None) -> Subject | None:
    """Return the aggregate that these events make: the first of a stream, or those that follow `begun`."""
    aggregate: Any = begun
    for event in events:
        aggregate = event.apply_to(aggregate)
    return aggregate  # type: ignore[no-any-return]
