"""Events of the log as callers see them, and pages of them."""

from datetime import datetime
from uuid import UUID

import msgspec

from ledger import log
from ledger.connection import Connection
from ledger.log import EventSearch, RecordedEvent
from projections.head import Seen, snapshot


class LoggedEvent(msgspec.Struct, frozen=True):
    """One row of the log, with all that its `hash` covers; `data` is the state as it is hashed."""

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
    def of(cls, event: RecordedEvent) -> "LoggedEvent":
        return cls(
            event.position,
            event.originator_id,
            event.originator_version,
            event.topic,
            event.recorded_at,
            event.actor,
            event.operation,
            event.ordinal,
            event.causation_id,
            event.correlation_id,
            event.traceparent,
            msgspec.Raw(event.state.encode()),
            event.command_hash.hex(),
            event.hash.hex(),
        )


async def page_of(
    connection: Connection, search: EventSearch, after: int, limit: int
) -> Seen[list[LoggedEvent]]:
    """At most `limit` events past a position, and the position up to which there are no others."""
    async with snapshot(connection) as position:
        events = await log.page(connection, search, after, limit)
    return Seen(position, [LoggedEvent.of(event) for event in events])
