"""Flights over HTTP."""

import datetime as dt
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from api.http import queries
from api.http.commands import submit
from api.http.parameters import List, View
from api.http.queries import Page
from api.http.replies import version_header
from api.http.request import ApiRequest
from api.http.routes import ANYBODY, OPERATORS, route
from api.resources import availability
from api.resources.availability import Instant
from domain.commands import (
    Airport,
    CancelFlight,
    ChangeFlightSeats,
    FlightSeats,
    Price,
    Reason,
    RepriceFlight,
    ScheduleFlight,
)
from domain.money import AMOUNT_MAX
from domain.refusals import (
    FlightAlreadyScheduled,
    FlightNotBookable,
    FlightNotFound,
    IdempotencyKeyReused,
    SeatsInUse,
    StaleVersion,
)
from projections import flights
from projections.availability import Availability
from projections.flights import FlightRow, FlightSearch, Mark, Sort


class NewPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: Price


class NewSeats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seats: FlightSeats


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class FlightList(List, frozen=True, forbid_unknown_fields=True, kw_only=True):
    origin: Airport | UnsetType = UNSET
    destination: Airport | UnsetType = UNSET
    date: Annotated[dt.date, Meta(description="Departure day at the origin")] | UnsetType = UNSET
    min_seats: Annotated[int, Meta(ge=0, le=1000, description="Free seats, at least")] | UnsetType = UNSET
    max_price: Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description="Minor units")] | UnsetType = UNSET
    sort: Sort = Sort.DEPARTURE


class FlightController(Controller):
    path = "/api/v1/flights"
    tags = ("Flights",)

    @post(
        "/",
        opt=route(
            OPERATORS,
            "Schedule a flight",
            takes=ScheduleFlight,
            gives=FlightRow,
            status=201,
            refusals=(FlightAlreadyScheduled, IdempotencyKeyReused),
        ),
    )
    async def schedule(self, request: ApiRequest) -> ASGIApp:
        return await submit(request, await request.read(ScheduleFlight))

    @get("/", opt=route(ANYBODY, "Find flights", query=FlightList, gives=Page[FlightRow]))
    async def list(self, request: ApiRequest) -> ASGIApp:
        asked = request.query(FlightList)
        search = asked.given(FlightSearch)
        after = queries.after(request, asked, search, Mark)
        seen = await queries.look(request, asked, lambda c: flights.page(c, search, after, asked.limit + 1))
        return queries.listed(request, seen, asked, search, search.mark)

    @get(
        "/{id:str}", opt=route(ANYBODY, "One flight", query=View, gives=FlightRow, refusals=(FlightNotFound,))
    )
    async def find(self, request: ApiRequest) -> ASGIApp:
        flight_id = request.id(FlightNotFound)
        seen = await queries.find(request, request.query(View), request.ledger.flights, flight_id)
        position, row = seen
        if row is None:
            return queries.missing(request, position, FlightNotFound(flight_id=flight_id))
        return queries.answer(position, row, [version_header(row.version)])

    @get(
        "/{id:str}/availability",
        opt=route(
            ANYBODY,
            "Seats free at this instant, or at any before",
            query=Instant,
            gives=Availability,
            refusals=(FlightNotFound,),
        ),
    )
    async def availability(self, request: ApiRequest) -> ASGIApp:
        flight_id, instant = request.id(FlightNotFound), request.query(Instant)
        if instant.is_now:
            seen = await queries.find(request, instant, request.ledger.availability, flight_id)
        else:
            seen = await queries.look(request, instant, lambda c: availability.at(c, flight_id, instant))
        position, row = seen
        if row is None:
            return queries.missing(request, position, FlightNotFound(flight_id=flight_id))
        return queries.answer(position, row)

    @post(
        "/{id:str}/price",
        status_code=200,
        opt=route(
            OPERATORS,
            "Set the price of later bookings",
            takes=NewPrice,
            gives=FlightRow,
            refusals=(FlightNotFound, StaleVersion, FlightNotBookable, IdempotencyKeyReused),
            if_match=True,
        ),
    )
    async def reprice(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewPrice)
        return await submit(request, RepriceFlight(flight_id, body.price))

    @post(
        "/{id:str}/seats",
        status_code=200,
        opt=route(
            OPERATORS,
            "Set the number of seats",
            takes=NewSeats,
            gives=FlightRow,
            refusals=(FlightNotFound, StaleVersion, FlightNotBookable, SeatsInUse, IdempotencyKeyReused),
            if_match=True,
        ),
    )
    async def change_seats(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewSeats)
        return await submit(request, ChangeFlightSeats(flight_id, body.seats))

    @post(
        "/{id:str}/cancel",
        status_code=200,
        opt=route(
            OPERATORS,
            "Cancel the flight, and with it every live booking",
            takes=Cancellation,
            gives=FlightRow,
            refusals=(FlightNotFound, StaleVersion, FlightNotBookable, IdempotencyKeyReused),
            if_match=True,
        ),
    )
    async def cancel(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(Cancellation)
        return await submit(request, CancelFlight(flight_id, body.reason))
