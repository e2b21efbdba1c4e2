"""Audit routes: the events of the log in order, the event stream, and the head."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from api.http import queries
from api.http.http_errors import TooManyStreams, wrong_parameter
from api.http.parameters import ListQuery, Position, ReadQuery
from api.http.queries import Connection, Page
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, READERS, route
from api.http.streams import PAGE_MAX, EventStream, Streams
from api.resources.event_pages import LoggedEvent, read_event_page
from database.head import QueryResult
from ledger import codec, log
from ledger.log import EventSearch


class Head(msgspec.Struct, frozen=True):
    """Position, hash and time of the last event. An empty log has position 0, a hash of zeros and no time."""

    position: int
    hash: str
    recorded_at: datetime | None


After = Annotated[Position, Meta(description="Return only events after this position")]
TOPICS = sorted({*codec.EVENT_TYPES, *codec.UPCASTERS})
"""The types of all events that a log can hold."""

Topic = Annotated[
    str, Meta(description="Return only events of this type", extra_json_schema={"enum": TOPICS})
]
Sealed = Annotated[bool, Meta(description="Return events exactly as hashed, with pseudonyms and sealed text")]
Flight = Annotated[UUID, Meta(description="Return events of this flight and of its bookings")]


class EventListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    after: After = 0
    type: Topic | UnsetType = UNSET
    booking_id: UUID | UnsetType = UNSET
    flight_id: Flight | UnsetType = UNSET
    sealed: Sealed = False


class EventStreamQuery(ReadQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of the event stream. Last-Event-ID, if sent, overrides `after`."""

    after: After = 0
    type: Topic | UnsetType = UNSET
    booking_id: UUID | UnsetType = UNSET
    flight_id: Flight | UnsetType = UNSET
    sealed: Sealed = False


_STREAM = """Each message has `id`, the position of the event, and `data`, the event as JSON: a `LoggedEvent`,
with `EventData` by its `type`. Messages come in position order, without a gap and without a repeat. A comment
line keeps a silent stream open. The stream ends when the token expires and when the server stops; reconnect
then with `Last-Event-ID`, as browsers do by themselves, and the next event follows.
"""
_STREAM_EXAMPLE = """retry: 1000

id: 42
data: {"position":42,"originator_id":"01932c07-5bb1-7bbb-8000-0000000a11ce","version":1, …}

"""


class AuditController(Controller):
    path = "/api/v1"
    tags = ("Audit",)

    @get(
        "/events",
        opt=route(
            READERS,
            "List events in position order. A client gets those of its own bookings and waiting parties."
            " Pages before the last one may be short or empty",
            query=EventListQuery,
            one_ledger=True,
            response=Page[LoggedEvent],
        ),
    )
    async def list_events(self, request: ApiRequest) -> ASGIApp:
        query = request.query(EventListQuery)
        search = _search(request, query)
        query = replace(query, after=queries.read_cursor(request, query, search, int) or query.after)
        head, (events, upto) = await queries.read(
            request,
            query,
            lambda c: read_event_page(c, request.ledger, search, query.after, query.limit + 1, query.sealed),
        )
        result, resume_at = QueryResult(head, events), upto if upto < head else None
        return queries.respond_page(request, result, query, search, lambda event: event.position, resume_at)

    @get(
        "/events/stream",
        opt=route(
            READERS,
            "Stream events as they are written (Server-Sent Events). A client gets those of its own bookings"
            " and waiting parties. Resume with `Last-Event-ID`",
            about=_STREAM,
            example=_STREAM_EXAMPLE,
            query=EventStreamQuery,
            one_ledger=True,
            response=str,
            media_type="text/event-stream",
            refusals=(TooManyStreams,),
        ),
    )
    async def stream_events(self, request: ApiRequest) -> ASGIApp:
        query = request.query(EventStreamQuery)
        search = _search(request, query)
        query = replace(query, after=_last_event_id(request, query.after))
        result = await queries.read(
            request,
            query,
            lambda c: read_event_page(c, request.ledger, search, query.after, PAGE_MAX, query.sealed),
        )
        place = request.shared.limits.open_stream(request.caller)
        stopping = request.shared.stopping
        streams = request.ledgers.part(request.ledger, Streams, lambda ledger: Streams(ledger, stopping))
        return EventStream(
            streams, request.ledger, search, query.sealed, result, request.scope["auth"], place
        )

    @get(
        "/audit/head",
        opt=route(
            AUDITORS,
            "Get the position and hash of the last event",
            query=ReadQuery,
            response=Head,
            one_ledger=True,
        ),
    )
    async def get_log_head(self, request: ApiRequest) -> Reply:
        position, row = await queries.read(request, request.query(ReadQuery), _head)
        return queries.respond(position, row)


async def _head(connection: Connection) -> QueryResult[Head]:
    event = await log.read_last_event(connection)
    if event is None:
        return QueryResult(0, Head(0, bytes(32).hex(), None))
    return QueryResult(event.position, Head(event.position, event.hash.hex(), event.recorded_at))


def _search(request: ApiRequest, query: EventListQuery | EventStreamQuery) -> EventSearch:
    """Return the conditions in the query. Raises ValidationFailed for a type that no event has."""
    if query.type is not UNSET and query.type not in TOPICS:
        raise wrong_parameter("type", f"Must be one of {', '.join(TOPICS)}")
    of_stream = query.booking_id or None, query.flight_id or None
    return EventSearch(query.type or None, *of_stream, request.owner_filter)


def _last_event_id(request: ApiRequest, after: int) -> int:
    """Return the position in Last-Event-ID, or `after` without it. Raises ValidationFailed."""
    value = request.context.fields.get(b"last-event-id")
    if value is None:
        return after
    if not _LAST_EVENT_ID.fullmatch(value):
        raise wrong_parameter("Last-Event-ID", "Must be the position of an event")
    return int(value)


_LAST_EVENT_ID = re.compile(rb"[0-9]{1,18}")
