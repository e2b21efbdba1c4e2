"""Events of the log as callers see them, and pages of them."""

from datetime import datetime
from uuid import UUID

import msgspec

from database.connection import Connection
from database.head import QueryResult, snapshot
from ledger import log
from ledger.log import EventPage, EventSearch, RecordedEvent
from ledger.people import NOBODY, Known, known_of


class LoggedEvent(msgspec.Struct, frozen=True):
    """One row of the log, with all that its `hash` covers; exactly so where the query says `sealed=true`.

    Else with names in place of pseudonyms, and with texts open.
    """

    position: int
    originator_id: UUID
    version: int
    type: str
    recorded_at: datetime
    actor: str
    operation: str
    ordinal: int
    causation_id: str
    correlation_id: str
    traceparent: str
    data: msgspec.Raw
    command_hash: str
    hash: str

    @classmethod
    def of(cls, event: RecordedEvent, people: Known) -> "LoggedEvent":
        return cls(
            event.position,
            event.originator_id,
            event.originator_version,
            event.topic,
            event.recorded_at,
            people.shown(event.actor),
            event.operation,
            event.ordinal,
            event.causation_id,
            event.correlation_id,
            event.traceparent,
            msgspec.Raw(people.marked(event.state.encode(), event.originator_id)),
            event.command_hash.hex(),
            event.hash.hex(),
        )


async def read_event_page(
    connection: Connection, search: EventSearch, after: int, limit: int, sealed: bool
) -> QueryResult[EventPage[LoggedEvent]]:
    """At most `limit` events past a position, and where the log ended.

    People as tokens or, `sealed`, as they stand in the log.
    """
    async with snapshot(connection) as head:
        events, upto = await log.page(connection, search, after, limit, head)
        people = NOBODY if sealed else await known_of(connection, events)
    return QueryResult(head, EventPage([LoggedEvent.of(event, people) for event in events], upto))
