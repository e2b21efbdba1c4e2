"""Pages of flights: the board with free seats, and one flight with its seats over time."""

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
from api.console.pages import page_route, render_page
from api.http import queries
from api.http.http_errors import ValidationFailed
from api.http.parameters import Limit, ReadQuery
from api.http.queries import Connection
from api.http.request import ApiRequest
from api.http.routes import STAFF
from api.resources.flights import FlightListQuery
from database.head import QueryResult, position
from domain.caller import Role
from domain.flight import FlightStatus
from domain.refusals.flights import FlightNotFound
from ledger.ids import new_id
from projections import availability, flights, waiting
from projections.availability import Availability
from projections.flights import FlightRow, FlightSearch, FlightSortKey, Sort


class BoardQuery(FlightListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 25


class FlightPages(Controller):
    path = "/console"

    @get("/", opt=page_route(STAFF, "Board of flights with free seats", query=BoardQuery))
    async def board(self, request: ApiRequest) -> ASGIApp:
        facts: dict[str, Any] = {
            "sorts": _SORTS,
            "query": forms.fields_as_sent(request),
            "rows": [],
            "free": {},
            "cursor": None,
        }
        try:
            query = forms.read_query(request, BoardQuery, capitals=(b"origin", b"destination", b"currency"))
            # Without a day, the board lists flights that can still be booked.
            search = msgspec.structs.replace(query.flight_search(), upcoming=query.date is UNSET)
            after = queries.read_cursor(request, query, search, FlightSortKey)
        except ValidationFailed as refusal:
            return render_page(request, "board.html", 400, **facts, error=refusal.facts["errors"][0])

        async def select(
            connection: Connection,
        ) -> QueryResult[tuple[list[FlightRow], dict[UUID, Availability]]]:
            at, rows = await flights.page(connection, search, after, query.limit + 1)
            ids = [row.id for row in rows]
            free = (await availability.find_all(connection, ids)).value if ids else {}
            return QueryResult(at, (rows, free))

        at, (rows, free) = await queries.read(request, query, select)
        rows, cursor = queries.paginate(request, rows, query, search, search.sort_key)
        rows = [row.at_airports(request.shared.airports) for row in rows]
        facts |= {"rows": rows, "free": free, "cursor": cursor}
        return render_page(request, "board.html", **facts, error=None, position=at)

    @get("/flights/{id:str}", opt=page_route(STAFF, "One flight and its seats over time"))
    async def flight(self, request: ApiRequest) -> ASGIApp:
        return await render_flight(request, request.id(FlightNotFound))


async def render_flight(request: ApiRequest, flight_id: UUID, status: int = 200, **outcome: Any) -> ASGIApp:
    """Render the page of a flight; `retimed`, `moved` or `refusal` is the outcome of one of its forms.

    Raises FlightNotFound.
    """

    async def select(connection: Connection) -> QueryResult[dict[str, Any]]:
        flight = (await flights.find(connection, flight_id)).value
        return QueryResult(
            await position(connection),
            {
                "flight": flight,
                "free": (await availability.find(connection, flight_id)).value,
                "waiting_list": await waiting.queue(connection, flight_id),
                "seats": await seats_over_time(connection, flight_id),
                "lags": [lag for lag in await lags(connection) if lag.projection == "seat_changes"],
                "others": await _others(connection, flight) if flight else [],
            },
        )

    at, facts = await queries.read(request, ReadQuery(), select)
    if facts["flight"] is None:
        raise FlightNotFound(flight_id=flight_id)
    facts["flight"] = facts["flight"].at_airports(request.shared.airports)
    may_change = Role.OPERATOR in request.caller.roles and facts["flight"].departed_at is None
    facts |= {
        "may_change": may_change and facts["flight"].status is not FlightStatus.CANCELLED,
        "new_key": new_id,
        "chart": seats_chart(facts["seats"]),
        "position": at,
    }
    return render_page(request, "flight.html", status, **_NO_OUTCOME | outcome, **facts)


async def _others(connection: Connection, flight: FlightRow) -> list[FlightRow]:
    """Return the next flights on the same route, to which bookings may be moved."""
    search = FlightSearch(origin=flight.origin, destination=flight.destination, upcoming=True)
    rows = (await flights.page(connection, search, None, OTHERS_MAX + 1)).value
    return [row for row in rows if row.id != flight.id][:OTHERS_MAX]


OTHERS_MAX = 20
_NO_OUTCOME = {"retimed": False, "moved": None, "refusal": None}

_SORTS = {
    Sort.DEPARTURE.value: "next departure first",
    Sort.LATEST.value: "last departure first",
    Sort.PRICE.value: "cheapest first",
    Sort.DEAREST.value: "dearest first",
}
