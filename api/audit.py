"""The log over HTTP: every event in order, for whoever checks it, and its head."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from api import queries
from api.parameters import List, Position, View
from api.queries import Connection, Page
from api.replies import Reply
from api.request import ApiRequest
from api.routes import AUDITORS, route
from ledger import log
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


class Head(msgspec.Struct, frozen=True):
    """The last event's; zeros and no time for an empty log."""

    position: int
    hash: str
    recorded_at: datetime | None


class EventList(List, frozen=True, forbid_unknown_fields=True, kw_only=True):
    after: Annotated[Position, Meta(description="Only events past this position")] = 0
    type: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    booking_id: UUID | UnsetType = UNSET
    flight_id: Annotated[UUID, Meta(description="Of the flight and of its bookings")] | UnsetType = UNSET


class AuditController(Controller):
    path = "/api/v1"
    tags = ("Audit",)

    @get("/events", opt=route(AUDITORS, "The log in order", query=EventList, gives=Page[LoggedEvent]))
    async def events(self, request: ApiRequest) -> ASGIApp:
        asked = request.query(EventList)
        search = EventSearch(asked.type or None, asked.booking_id or None, asked.flight_id or None)
        after = queries.after(request, asked, search, int) or asked.after
        seen = await queries.look(request, asked, lambda c: _page(c, search, after, asked.limit + 1))
        return queries.listed(request, seen, asked, search, lambda event: event.position)

    @get("/audit/head", opt=route(AUDITORS, "Where the log ends now", query=View, gives=Head))
    async def head(self, request: ApiRequest) -> Reply:
        position, row = await queries.look(request, request.query(View), _head)
        return queries.answer(position, row)


async def _page(
    connection: Connection, search: EventSearch, after: int, limit: int
) -> Seen[list[LoggedEvent]]:
    async with snapshot(connection) as position:
        events = await log.page(connection, search, after, limit)
    return Seen(position, [LoggedEvent.of(event) for event in events])


async def _head(connection: Connection) -> Seen[Head]:
    event = await log.last(connection)
    if event is None:
        return Seen(0, Head(0, bytes(32).hex(), None))
    return Seen(event.position, Head(event.position, event.hash.hex(), event.recorded_at))
