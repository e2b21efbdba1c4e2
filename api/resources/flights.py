"""Flight routes."""

import datetime as dt
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.types import ASGIApp
from msgspec import UNSET, Meta, UnsetType

from api.http import queries
from api.http.commands import submit
from api.http.http_errors import ValidationFailed, wrong_parameter
from api.http.parameters import ListQuery, ReadQuery
from api.http.queries import Page
from api.http.replies import version_header
from api.http.request import ApiRequest, EmptyBody
from api.http.routes import ALL_ROLES, OPERATORS, command_route, route
from api.resources import availability
from api.resources.availability import AvailabilityQuery
from database.head import QueryResult
from domain.commands.fields import (
    Airport,
    FlightNumber,
    FlightSeats,
    NewPolicy,
    OverbookedSeats,
    Price,
    Reason,
)
from domain.commands.flights import (
    CancelFlight,
    ChangeCancellationPolicy,
    ChangeFlightSeats,
    ChangeOverbooking,
    DepartFlight,
    RepriceFlight,
    ScheduleFlight,
)
from domain.currencies import KNOWN
from domain.flight import FlightStatus
from domain.money import AMOUNT_MAX
from domain.refusals.flights import (
    DepartureInPast,
    FlightAlreadyScheduled,
    FlightDeparted,
    FlightNotBookable,
    FlightNotFound,
    SeatsInUse,
)
from projections import flights
from projections.availability import Availability
from projections.flights import FlightRow, FlightSearch, FlightSortKey, Sort


class NewPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price per seat of new bookings. Bookings keep the price that they were made at."""

    price: Price


class NewCancellationPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """null: a cancellation gives all money back."""

    cancellation_policy: NewPolicy | None


class NewSeats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The seats of the aircraft."""

    seats: FlightSeats


class NewOverbooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The seats to sell beyond those of the aircraft, and the reason."""

    seats: OverbookedSeats
    reason: Reason


class FlightCancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason of the cancellation, for the record."""

    reason: Reason


class FlightListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: FlightNumber | UnsetType = UNSET
    origin: Airport | UnsetType = UNSET
    destination: Airport | UnsetType = UNSET
    date: Annotated[dt.date, Meta(description="Departure date in the offset of `departs_at`")] | UnsetType = (
        UNSET
    )
    min_seats: Annotated[int, Meta(ge=0, le=1000, description="Minimum number of free seats")] | UnsetType = (
        UNSET
    )
    max_price: (
        Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description="Maximum price per seat in minor units")]
        | UnsetType
    ) = UNSET
    currency: (
        Annotated[
            str,
            Meta(
                description="Return only flights priced in this currency. Required for `max_price` and for "
                "sorting by price",
                extra_json_schema={"enum": sorted(KNOWN)},
            ),
        ]
        | UnsetType
    ) = UNSET
    sort: Sort = Sort.DEPARTURE

    def flight_search(self) -> FlightSearch:
        """Return the conditions in the query.

        Raises ValidationFailed for an unknown currency, and for a comparison of prices without a currency:
        minor units of different currencies have no order.
        """
        if self.currency is UNSET:
            if self.max_price is not UNSET or self.sort in (Sort.PRICE, Sort.DEAREST):
                raise wrong_parameter("currency", "Required for max_price and for sorting by price")
        elif self.currency not in KNOWN:
            raise wrong_parameter("currency", "Unknown ISO 4217 currency code")
        return self.build_search(FlightSearch)


CHANGE_REFUSALS = (FlightNotFound, FlightNotBookable, FlightDeparted)
"""Refusals of a change that a flight allows until it departs."""


class FlightController(Controller):
    path = "/api/v1/flights"
    tags = ("Flights",)

    @post(
        "/",
        opt=command_route(
            OPERATORS,
            "Schedule a flight",
            body=ScheduleFlight,
            response=FlightRow,
            status=201,
            refusals=(FlightAlreadyScheduled, DepartureInPast),
        ),
    )
    async def schedule_flight(self, request: ApiRequest) -> ASGIApp:
        command = await request.read(ScheduleFlight)
        _require_airports(request, command)
        return await submit(request, command)

    @get(
        "/",
        opt=route(
            ALL_ROLES, "List flights", query=FlightListQuery, response=Page[FlightRow], all_ledgers=True
        ),
    )
    async def list_flights(self, request: ApiRequest) -> ASGIApp:
        query = request.query(FlightListQuery)
        search = query.flight_search()
        after = queries.read_cursor(request, query, search, FlightSortKey)
        return await queries.respond_list(
            request,
            query,
            search,
            search.sort_key,
            lambda one: _read_page(one, query, search, after),
            descending=search.is_descending,
        )

    @get(
        "/{id:str}",
        opt=route(ALL_ROLES, "Get a flight", query=ReadQuery, response=FlightRow, refusals=(FlightNotFound,)),
    )
    async def get_flight(self, request: ApiRequest) -> ASGIApp:
        flight_id = request.id(FlightNotFound)
        result = await queries.read_row(request, request.query(ReadQuery), request.ledger.flights, flight_id)
        position, row = result
        if row is None:
            return queries.refuse(request, position, FlightNotFound(flight_id=flight_id))
        reply = queries.respond(
            position, row.at_airports(request.shared.airports), [version_header(row.version)]
        )
        # A flight departs by the clock, without an event.
        reply.outdates_version = row.status is FlightStatus.DEPARTED and row.departed_at is None
        return reply

    @get(
        "/{id:str}/availability",
        opt=route(
            ALL_ROLES,
            "Get the seat availability of a flight, now or at a past position or time",
            query=AvailabilityQuery,
            response=Availability,
            refusals=(FlightNotFound,),
        ),
    )
    async def get_availability(self, request: ApiRequest) -> ASGIApp:
        flight_id, instant = request.id(FlightNotFound), request.query(AvailabilityQuery)
        if instant.is_now:
            result = await queries.read_row(request, instant, request.ledger.availability, flight_id)
        else:
            result = await queries.read(request, instant, lambda c: availability.at(c, flight_id, instant))
        position, row = result
        if row is None:
            return queries.refuse(request, position, FlightNotFound(flight_id=flight_id))
        return queries.respond(position, row)

    @post(
        "/{id:str}/price",
        opt=command_route(
            OPERATORS,
            "Change the price of a flight. Existing bookings keep their price",
            body=NewPrice,
            response=FlightRow,
            refusals=(FlightNotFound, FlightNotBookable),
            if_match=True,
        ),
    )
    async def change_price(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewPrice)
        return await submit(request, RepriceFlight(flight_id, body.price))

    @post(
        "/{id:str}/cancellation-policy",
        opt=command_route(
            OPERATORS,
            "Change what cancellations give back. Existing bookings keep their policy",
            body=NewCancellationPolicy,
            response=FlightRow,
            refusals=(FlightNotFound, FlightNotBookable),
            if_match=True,
        ),
    )
    async def change_cancellation_policy(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewCancellationPolicy)
        return await submit(request, ChangeCancellationPolicy(flight_id, body.cancellation_policy))

    @post(
        "/{id:str}/seats",
        opt=command_route(
            OPERATORS,
            "Change the number of seats of a flight",
            body=NewSeats,
            response=FlightRow,
            refusals=(*CHANGE_REFUSALS, SeatsInUse),
            if_match=True,
        ),
    )
    async def change_flight_seats(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewSeats)
        return await submit(request, ChangeFlightSeats(flight_id, body.seats))

    @post(
        "/{id:str}/overbooking",
        opt=command_route(
            OPERATORS,
            "Set how many seats of a flight are sold beyond those of the aircraft",
            body=NewOverbooking,
            response=FlightRow,
            refusals=(*CHANGE_REFUSALS, SeatsInUse),
            if_match=True,
        ),
    )
    async def change_overbooking(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(NewOverbooking)
        return await submit(request, ChangeOverbooking(flight_id, body.seats, body.reason))

    @post(
        "/{id:str}/cancel",
        opt=command_route(
            OPERATORS,
            "Cancel a flight and all its bookings",
            body=FlightCancellation,
            response=FlightRow,
            refusals=CHANGE_REFUSALS,
            if_match=True,
        ),
    )
    async def cancel_flight(self, request: ApiRequest) -> ASGIApp:
        flight_id, body = request.id(FlightNotFound), await request.read(FlightCancellation)
        return await submit(request, CancelFlight(flight_id, body.reason))

    @post(
        "/{id:str}/departed",
        opt=command_route(
            OPERATORS,
            "Record that a flight has departed. Its unpaid holds end",
            body=EmptyBody,
            response=FlightRow,
            refusals=CHANGE_REFUSALS,
            if_match=True,
        ),
    )
    async def record_departure(self, request: ApiRequest) -> ASGIApp:
        flight_id, _ = request.id(FlightNotFound), await request.read(EmptyBody, optional=True)
        return await submit(request, DepartFlight(flight_id))


async def _read_page(
    request: ApiRequest, query: FlightListQuery, search: FlightSearch, after: FlightSortKey | None
) -> QueryResult[list[FlightRow]]:
    position, rows = await queries.read(
        request, query, lambda connection: flights.page(connection, search, after, query.limit + 1)
    )
    return QueryResult(position, [row.at_airports(request.shared.airports) for row in rows])


def _require_airports(request: ApiRequest, flight: ScheduleFlight) -> None:
    """Check the codes of a new flight. Raises ValidationFailed.

    Only new flights are checked: those in the log keep their codes, whatever becomes of the list.
    """
    unknown = [
        (pointer, f"{code} is no IATA code of an airport. {_NEXT_STEP}")
        for pointer, code in (("/origin", flight.origin), ("/destination", flight.destination))
        if code not in request.shared.airports
    ]
    if unknown:
        raise ValidationFailed(*unknown)


_NEXT_STEP = "Correct it, or add a private airport to the setting SEATLEDGER_PRIVATE_AIRPORTS"
