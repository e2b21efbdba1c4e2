"""Reading the log: recorded events, and aggregates folded from them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, LiteralString, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from database.head import ID_ARRAY, WITH_HEAD, QueryResult, rows
from domain.working_set import Subject
from ledger import codec

T = TypeVar("T")

COLUMNS = (
    "position, originator_id, originator_version, topic, state, actor, operation, ordinal,"
    " causation_id, correlation_id, traceparent, recorded_at, command_hash, hash"
)


class RecordedEvent(msgspec.Struct, frozen=True):
    """One row of the log. `state` is JSON text, `recorded_at` aware UTC."""

    position: int
    originator_id: UUID
    originator_version: int
    topic: str
    state: str
    actor: str
    operation: str
    ordinal: int
    causation_id: str
    correlation_id: str
    traceparent: str
    recorded_at: datetime
    command_hash: bytes
    hash: bytes

    def decoded(self) -> Any:
        """The domain event that was recorded."""
        return codec.decode(
            self.topic, self.state, self.originator_id, self.originator_version, self.recorded_at
        )


async def read_stream(connection: AsyncConnection[Any], originator_id: UUID) -> list[RecordedEvent]:
    """All events of one flight, booking or waiting party, in version order; empty when there is none."""
    return (await read_streams(connection, [originator_id])).value.get(originator_id, [])


async def read_streams(
    connection: AsyncConnection[Any], ids: Sequence[UUID]
) -> QueryResult[dict[UUID, list[RecordedEvent]]]:
    """The same for at least one id, those that there are, and the head of the log that they were read at."""
    found = await rows(connection, _STREAMS, (ids,))
    streams: dict[UUID, list[RecordedEvent]] = {}
    for row in found:
        if row[1] is not None:
            streams.setdefault(row[2], []).append(RecordedEvent(*row[1:]))
    return QueryResult(found[0][0], streams)


async def read_live_events(
    connection: AsyncConnection[Any], flight_id: UUID, position: int
) -> tuple[datetime, list[RecordedEvent]]:
    """The time of that position, and up to it the events of a flight and of its bookings not cancelled then.

    In log order. However many bookings the flight ever had, those that live are no more than its seats.
    """
    cursor = await connection.execute(_TIME_AT, (position,), prepare=True)
    row = await cursor.fetchone()
    if row is None:
        return datetime.min.replace(tzinfo=UTC), []
    cursor = await connection.execute(_LIVE_AT, (position, flight_id, flight_id, position), prepare=True)
    return row[0], [RecordedEvent(*row) for row in await cursor.fetchall()]


async def find_position_at(connection: AsyncConnection[Any], time: datetime) -> int:
    """The last position by that time, 0 before the first: a binary search, because time follows positions."""
    last_event = await read_last_event(connection)
    low, high = 0, last_event.position if last_event else 0
    while low < high:
        middle = (low + high + 1) // 2
        row = await (await connection.execute(_TIME_AT, (middle,), prepare=True)).fetchone()
        assert row is not None
        low, high = (middle, high) if row[0] <= time else (low, middle - 1)
    return low


class EventSearch(msgspec.Struct, frozen=True):
    """Which events a page shows: by topic, of one booking, of one flight and all of its."""

    topic: str | None = None
    booking_id: UUID | None = None
    flight_id: UUID | None = None

    @property
    def is_scan(self) -> bool:
        """No index finds them: all events are looked at, however few there may be of the topic."""
        return self.topic is not None and self.booking_id is None and self.flight_id is None


SCANNED_MAX = 50_000
"""Events that are looked at for one page."""


class EventPage(NamedTuple, Generic[T]):
    """Events in log order. Up to the position `upto` there are no others."""

    events: list[T]
    upto: int


async def page(
    connection: AsyncConnection[Any], search: EventSearch, after: int, limit: int, head: int
) -> EventPage[RecordedEvent]:
    """At most `limit` events past a position, up to `head` or, in a scan, of the next SCANNED_MAX."""
    upto = min(after + SCANNED_MAX, head) if search.is_scan else head
    conditions: list[tuple[LiteralString, Any]] = [
        ("and topic = %s", search.topic),
        ("and originator_id = %s", search.booking_id),
        (
            "and originator_id = any (array(select id from views.bookings where flight_id = %s)"
            " || array(select id from views.waiting where flight_id = %s) || %s)",
            search.flight_id,
        ),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    where = " ".join(text for text, _ in given)
    parameters = [value for text, value in given for _ in range(text.count("%s"))]
    statement = f"""
        select {COLUMNS} from ledger.events where position > %s and position <= %s {where}
        order by position limit %s
    """  # noqa: S608 - constants only
    cursor = await connection.execute(statement, [after, upto, *parameters, limit], prepare=True)
    events = [RecordedEvent(*row) for row in await cursor.fetchall()]
    return EventPage(events, events[-1].position if len(events) == limit else upto)


async def read_last_event(connection: AsyncConnection[Any]) -> RecordedEvent | None:
    """The event at the head of the log."""
    cursor = await connection.execute(_LAST, prepare=True)
    row = await cursor.fetchone()
    return None if row is None else RecordedEvent(*row)


def steps(events: Iterable[RecordedEvent]) -> Iterator[tuple[RecordedEvent, Any]]:
    """Each event of one stream with the aggregate as it was right after it (the same object, evolving)."""
    aggregate = None
    for event in events:
        aggregate = event.decoded().mutate(aggregate)
        yield event, aggregate


def fold(events: Iterable[RecordedEvent], begun: Subject | None = None) -> Subject | None:
    """The aggregate that a stream, or a prefix of one, adds up to; or what these events make of one."""
    aggregate: Any = begun
    for event in events:
        aggregate = event.decoded().mutate(aggregate)
    return aggregate  # type: ignore[no-any-return]


_STREAMS: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {", ".join("e." + name.strip() for name in COLUMNS.split(","))}
    from head left join ledger.events e on e.originator_id = any ({ID_ARRAY}) order by e.originator_version
"""  # noqa: S608 - constants only
_LAST = f"select {COLUMNS} from ledger.events order by position desc limit 1"  # noqa: S608 - constants only
_TIME_AT = "select recorded_at from ledger.events where position <= %s order by position desc limit 1"
_LIVE_AT = f"""
    select {COLUMNS} from ledger.events
    where originator_id = any (array(
            select b.id from views.bookings b left join lateral (
                select topic from ledger.events where originator_id = b.id and position <= %s
                    and topic in ('booking.cancelled', 'booking.reseated')
                order by originator_version desc limit 1
            ) as turn on true
            where b.flight_id = %s and turn.topic is distinct from 'booking.cancelled'
        ) || %s::uuid) and position <= %s
    order by position
"""  # noqa: S608 - constants only
