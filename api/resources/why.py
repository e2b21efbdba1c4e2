"""Why: what was answered to a command, and the very events that took a flight's seats."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType
from psycopg import AsyncConnection

from api.http import queries
from api.http.parameters import View
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, READERS, route
from database.head import Seen, position, snapshot
from domain.booking import Booking, Status
from domain.caller import Role
from domain.commands import FLIGHT_SEATS_MAX
from domain.flight import Flight, FlightStatus
from domain.refusals import CommandNotFound, FlightNotFound
from domain.seats import Seats, SeatUse
from ledger.log import RecordedEvent, live_at
from ledger.outcomes import Outcome, outcome_of
from ledger.people import recorded_as


class Question(View, frozen=True, forbid_unknown_fields=True, kw_only=True):
    seats: Annotated[int, Meta(ge=1, le=FLIGHT_SEATS_MAX, description="CommandContext for")] = 1
    position: (
        Annotated[int, Meta(ge=1, le=2**63 - 1, description="Right after this event; the head if not given")]
        | UnsetType
    ) = UNSET


class Taker(msgspec.Struct, frozen=True):
    """The event that took seats: `position`, `type` and `recorded_at` are the log's."""

    booking_id: UUID
    position: int
    type: str
    recorded_at: datetime
    seats: int
    status: Status
    held_until: datetime | None


class Closure(msgspec.Struct, frozen=True):
    """The event that closed the flight."""

    position: int
    type: str
    recorded_at: datetime


class Reasons(msgspec.Struct, frozen=True):
    """`as_of` is the time of that position; a hold that was due by then and untidied still counts
    as held here, with its `held_until`.
    """

    flight_id: UUID
    position: int
    as_of: datetime
    flight_status: FlightStatus
    seats: int
    held: int
    booked: int
    available: int
    asked: int
    enough: bool
    closed_by: Closure | None
    taken_by: list[Taker]


class WhyController(Controller):
    path = "/api/v1"
    tags = ("Audit",)

    @get(
        "/flights/{id:str}/why",
        opt=route(
            AUDITORS,
            "The events that took the seats, or closed the flight",
            query=Question,
            gives=Reasons,
            refusals=(FlightNotFound,),
        ),
    )
    async def why(self, request: ApiRequest) -> ASGIApp:
        flight_id, question = request.id(FlightNotFound), request.query(Question)
        at, found = await queries.look(request, question, lambda c: _reasons(c, flight_id, question))
        if found is None:
            return queries.missing(request, at, FlightNotFound(flight_id=flight_id))
        return queries.answer(at, found)

    @get(
        "/commands/{actor:str}/{operation:str}/{key:path}",
        opt=route(
            READERS,
            "What was answered to a command: one's own, or anybody's to auditors and operators",
            query=View,
            gives=Outcome,
            refusals=(CommandNotFound,),
        ),
    )
    async def outcome(self, request: ApiRequest) -> ASGIApp:
        actor, operation, key = _names(request)
        caller = request.caller
        at, found = await queries.look(
            request, request.query(View), lambda c: _outcome(request, c, (actor, operation, key))
        )
        if found is None or (actor != caller.subject and caller.roles.isdisjoint(_SEES_ALL)):
            return queries.missing(request, at, CommandNotFound())
        return queries.told(request, at, found)


_SEES_ALL = frozenset({Role.AUDITOR, Role.OPERATOR})


def _names(request: ApiRequest) -> list[str]:
    """Actor, operation and key as the caller wrote them: to the router an encoded slash is a slash.

    Raises CommandNotFound where that made it three parts.
    """
    path: str = request.scope["raw_path"].decode("ascii", "replace")
    names = path.partition("/commands/")[2].split("/", 2)
    if len(names) < 3:
        raise CommandNotFound
    return [unquote(name) for name in names]


async def _outcome(
    request: ApiRequest, connection: AsyncConnection[Any], key: tuple[str, str, str]
) -> Seen[Outcome | None]:
    # The outcome first: what is found is certainly within the position told.
    found = None if "\x00" in "".join(key) else await _found(request, connection, *key)
    return Seen(await position(connection), found)


async def _found(
    request: ApiRequest, connection: AsyncConnection[Any], actor: str, operation: str, key: str
) -> Outcome | None:
    """By the actor's name; who sees all may also say a pseudonym, or the ledger itself."""
    persons = await recorded_as(connection, request.ledger.keyring, [actor])
    found = await outcome_of(connection, (persons[actor] or "", operation, key))
    if found is None and not request.caller.roles.isdisjoint(_SEES_ALL):
        found = await outcome_of(connection, (actor, operation, key))
    return found


async def _reasons(
    connection: AsyncConnection[Any], flight_id: UUID, question: Question
) -> Seen[Reasons | None]:
    async with snapshot(connection) as head:
        until = head if question.position is UNSET else min(question.position, head)
        as_of, events = await live_at(connection, flight_id, until)
    streams: dict[UUID, Any] = {}
    took: dict[UUID, RecordedEvent] = {}
    closed_by = None
    for event in events:
        subject = streams[event.originator_id] = event.decoded().mutate(streams.get(event.originator_id))
        if event.topic == "flight.cancelled":
            closed_by = Closure(event.position, event.topic, event.recorded_at)
        if event.topic in ("booking.initiated", "booking.reseated"):
            took[subject.id] = event
    flight = streams.pop(flight_id, None)
    if not isinstance(flight, Flight):
        return Seen(head, None)
    count = Seats(flight.seats)
    takers = []
    for booking in streams.values():
        use = SeatUse.of(booking)
        count.held, count.booked = count.held + use.held, count.booked + use.booked
        takers += [_taker(booking, took[booking.id])] if sum(use) else []
    status = flight.status(as_of)
    return Seen(
        head,
        Reasons(
            flight_id,
            until,
            as_of,
            status,
            count.seats,
            count.held,
            count.booked,
            count.free,
            question.seats,
            status is FlightStatus.SCHEDULED and question.seats <= count.free,
            closed_by,
            sorted(takers, key=lambda taker: taker.position),
        ),
    )


def _taker(booking: Booking, event: RecordedEvent) -> Taker:
    return Taker(
        booking.id,
        event.position,
        event.topic,
        event.recorded_at,
        booking.seats,
        booking.status,
        booking.held_until,
    )
