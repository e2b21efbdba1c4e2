"""The events that took a flight's seats or closed the flight."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType
from psycopg import AsyncConnection

from api.http import queries
from api.http.parameters import ReadQuery
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, route
from database.head import QueryResult, snapshot
from domain.booking import Booking
from domain.booking_state import Status
from domain.commands.fields import FLIGHT_SEATS_MAX
from domain.flight import Flight, FlightStatus
from domain.refusals.flights import FlightNotFound
from domain.seats import Seats, SeatUse
from ledger.log import RecordedEvent, on_flight, read_live_events


class SeatTakersQuery(ReadQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    seats: Annotated[int, Meta(ge=1, le=FLIGHT_SEATS_MAX, description="Number of seats requested")] = 1
    position: (
        Annotated[
            int,
            Meta(ge=1, le=2**63 - 1, description="Evaluate right after this event. Default: the head"),
        ]
        | UnsetType
    ) = UNSET


class SeatTaker(msgspec.Struct, frozen=True):
    """A booking that holds or books seats. `position`, `type` and `recorded_at` are those of the event
    that took the seats.
    """

    booking_id: UUID
    reference: str
    position: int
    type: str
    recorded_at: datetime
    seats: int
    status: Status
    held_until: datetime | None


class FlightClosure(msgspec.Struct, frozen=True):
    """The event that closed the flight."""

    position: int
    type: str
    recorded_at: datetime


class SeatTakers(msgspec.Struct, frozen=True):
    """Seats of a flight right after an event. `as_of` is the time of that event.

    An expired hold without an expiry event counts as held, with its `held_until`.
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
    closed_by: FlightClosure | None
    taken_by: list[SeatTaker]
    overbooking: int


class SeatTakersController(Controller):
    path = "/api/v1"
    tags = ("Audit",)

    @get(
        "/flights/{id:str}/why",
        opt=route(
            AUDITORS,
            "List the bookings that take seats of a flight, and the event that closed it",
            query=SeatTakersQuery,
            response=SeatTakers,
            refusals=(FlightNotFound,),
        ),
    )
    async def list_seat_takers(self, request: ApiRequest) -> ASGIApp:
        flight_id, query = request.id(FlightNotFound), request.query(SeatTakersQuery)
        at, takers = await queries.read(request, query, lambda c: _seat_takers(c, flight_id, query))
        if takers is None:
            return queries.refuse(request, at, FlightNotFound(flight_id=flight_id))
        return queries.respond(at, takers)


async def _seat_takers(
    connection: AsyncConnection[Any], flight_id: UUID, query: SeatTakersQuery
) -> QueryResult[SeatTakers | None]:
    async with snapshot(connection) as head:
        until = head if query.position is UNSET else min(query.position, head)
        as_of, events = await read_live_events(connection, flight_id, until)
    streams: dict[UUID, Any] = {}
    taking_events: dict[UUID, RecordedEvent] = {}
    closed_by = None
    for event in events:
        subject = streams[event.originator_id] = event.apply_to(streams.get(event.originator_id))
        if event.topic == "flight.cancelled":
            closed_by = FlightClosure(event.position, event.topic, event.recorded_at)
        if event.topic in ("booking.initiated", "booking.reseated", "booking.moved"):
            taking_events[subject.id] = event
    flight = streams.pop(flight_id, None)
    if not isinstance(flight, Flight):
        return QueryResult(head, None)
    count = Seats(flight.seats, overbooking=flight.overbooking)
    takers = []
    for booking in on_flight(streams, flight_id):
        use = SeatUse.of(booking)
        count.held, count.booked = count.held + use.held, count.booked + use.booked
        takers += [_seat_taker(booking, taking_events[booking.id])] if sum(use) else []
    status = flight.status(as_of)
    return QueryResult(
        head,
        SeatTakers(
            flight_id,
            until,
            as_of,
            status,
            count.seats,
            count.held,
            count.booked,
            count.free,
            query.seats,
            status is FlightStatus.SCHEDULED and query.seats <= count.free,
            closed_by,
            sorted(takers, key=lambda taker: taker.position),
            count.overbooking,
        ),
    )


def _seat_taker(booking: Booking, event: RecordedEvent) -> SeatTaker:
    return SeatTaker(
        booking.id,
        booking.reference,
        event.position,
        event.topic,
        event.recorded_at,
        booking.seats,
        booking.status,
        booking.held_until,
    )
