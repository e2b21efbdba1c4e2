"""Flights to look at: the board with what is free now, and one flight with its seats over time."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp
from msgspec import UNSET

from analytics.figures import seats_over_time
from analytics.follower.lag import lags
from api.console import forms
from api.console.charts import seats_chart
from api.console.pages import page, paged
from api.http import queries
from api.http.http_errors import ValidationFailed
from api.http.parameters import Limit, ReadQuery
from api.http.queries import Connection
from api.http.request import ApiRequest
from api.http.routes import STAFF
from api.resources.flights import FlightListQuery
from database.head import QueryResult, position
from domain.refusals import FlightNotFound
from projections import availability, flights, waiting
from projections.availability import Availability
from projections.flights import FlightRow, FlightSearch, FlightSortKey, Sort


class Board(FlightListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25


class FlightPages(Controller):
    path = "/console"

    @get("/", opt=paged(STAFF, "The board: flights and what is free"))
    async def board(self, request: ApiRequest) -> ASGIApp:
        facts: dict[str, Any] = {
            "sorts": _SORTS,
            "query": request.query_params,
            "rows": [],
            "free": {},
            "cursor": None,
        }
        try:
            asked = forms.asked(request, Board, capitals=(b"origin", b"destination"))
            # Whoever asks for no day wants to know what can be booked.
            search = msgspec.structs.replace(asked.build_search(FlightSearch), upcoming=asked.date is UNSET)
            after = queries.read_cursor(request, asked, search, FlightSortKey)
        except ValidationFailed as no:
            return page(request, "board.html", 400, **facts, wrong=no.facts["errors"][0])

        async def see(
            connection: Connection,
        ) -> QueryResult[tuple[list[FlightRow], dict[UUID, Availability]]]:
            at, found = await flights.page(connection, search, after, asked.limit + 1)
            ids = [row.id for row in found]
            free = (await availability.find_all(connection, ids)).value if ids else {}
            return QueryResult(at, (found, free))

        at, (found, free) = await queries.read(request, asked, see)
        rows, cursor = queries.paginate(request, found, asked, search, search.sort_key)
        facts |= {"rows": rows, "free": free, "cursor": cursor}
        return page(request, "board.html", **facts, wrong=None, position=at)

    @get("/flights/{id:str}", opt=paged(STAFF, "One flight and its seats over time"))
    async def flight(self, request: ApiRequest) -> ASGIApp:
        flight_id = request.id(FlightNotFound)

        async def see(connection: Connection) -> QueryResult[dict[str, Any]]:
            return QueryResult(
                await position(connection),
                {
                    "flight": (await flights.find(connection, flight_id)).value,
                    "free": (await availability.find(connection, flight_id)).value,
                    "queue": await waiting.queue(connection, flight_id),
                    "seats": await seats_over_time(connection, flight_id),
                    "lags": [lag for lag in await lags(connection) if lag.projection == "seat_changes"],
                },
            )

        at, facts = await queries.read(request, ReadQuery(), see)
        if facts["flight"] is None:
            raise FlightNotFound(flight_id=flight_id)
        return page(request, "flight.html", **facts, chart=seats_chart(facts["seats"]), position=at)


_SORTS = {
    Sort.DEPARTURE.value: "next departure first",
    Sort.LATEST.value: "last departure first",
    Sort.PRICE.value: "cheapest first",
    Sort.DEAREST.value: "dearest first",
}
