"""Flights: one row each, the queries on them, and the upsert that keeps them equal to the log."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

import datetime as dt
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, LiteralString, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult
from database.select_list import SelectList, join_conditions
from database.table import KeyedTable, TableColumn
from domain.airports import Airports
from domain.cancellation_policy import CancellationPolicy
from domain.flight import Flight, FlightStatus
from domain.money import Money
from projections.availability import DUE

TABLE: KeyedTable[Flight] = KeyedTable(
    "flights",
    [
        TableColumn("id", "uuid", fixed=True),
        TableColumn("number", "text", fixed=True),
        TableColumn("origin", "text", fixed=True),
        TableColumn("destination", "text", fixed=True),
        TableColumn("departs_at", "timestamptz"),
        TableColumn("arrives_at", "timestamptz"),
        TableColumn("departure_day", "date"),
        TableColumn("seats", "int4"),
        TableColumn("price_amount", "int8", "price.amount"),
        TableColumn("price_currency", "text", "price.currency"),
        TableColumn("cancelled", "bool"),
        TableColumn("departed_at", "timestamptz", nullable=True),
        TableColumn("overbooking", "int4"),
        TableColumn("version", "int4"),
        TableColumn("price_parts", "text", "price.parts_text", nullable=True),
        TableColumn("cancellation_policy", "text", "cancellation_policy.text", nullable=True),
    ],
)
upsert = TABLE.upsert

FlightSortKey = tuple[dt.datetime | int, UUID]
"""The sort value and the id of the last flight on a page."""


LocalTime = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class FlightRow(msgspec.Struct, frozen=True, gc=False):
    """One flight. Times are UTC; `status` holds at the time of the query.

    `departs_at_local` and `arrives_at_local` are the same instants on the clocks of the airports, with their
    offsets; null for an airport without a known zone. `departure_day` is the day of `departs_at` in
    the offset in which it was sent. `departed_at` is when an operator recorded the departure, else null.
    `overbooking` seats are sold beyond the `seats` of the aircraft. Without a `cancellation_policy`, a
    cancellation gives all money back.
    """

    id: UUID
    number: str
    origin: str
    destination: str
    departs_at: dt.datetime
    arrives_at: dt.datetime
    departure_day: dt.date
    seats: int
    price: Money
    status: FlightStatus
    version: int
    departed_at: dt.datetime | None = None
    overbooking: int = 0
    cancellation_policy: CancellationPolicy | UnsetType = UNSET
    departs_at_local: LocalTime | None = None
    arrives_at_local: LocalTime | None = None

    @classmethod
    def of(cls, flight: Flight, now: dt.datetime | None = None) -> Self:
        """Return the row of an aggregate at a time, by default that of its last event."""
        return cls(
            flight.id,
            flight.number,
            flight.origin,
            flight.destination,
            flight.departs_at,
            flight.arrives_at,
            flight.departure_day,
            flight.seats,
            flight.price,
            flight.status(now or flight.modified_on),
            flight.version,
            flight.departed_at,
            flight.overbooking,
            flight.cancellation_policy or UNSET,
        )

    def at_airports(self, airports: Airports) -> Self:
        """Return the row with local times."""
        return replace(
            self,
            departs_at_local=airports.local_time(self.origin, self.departs_at),
            arrives_at_local=airports.local_time(self.destination, self.arrives_at),
        )


_SELECT = SelectList(
    FlightRow,
    "f",
    price=("f.price_amount", "f.price_currency", "f.price_parts"),
    status="""
        case when f.cancelled then 'cancelled'
            when least(f.departs_at, f.departed_at) <= head.now then 'departed' else 'scheduled' end
    """,
    departs_at_local=None,
    arrives_at_local=None,
)
_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {_SELECT.sql} from head left join flights as f on f.id = any ({ID_ARRAY})
"""


async def find(connection: Connection, flight_id: UUID) -> QueryResult[FlightRow | None]:
    position, found = await find_all(connection, [flight_id])
    return QueryResult(position, found.get(flight_id))


async def find_all(connection: Connection, ids: Sequence[UUID]) -> QueryResult[dict[UUID, FlightRow]]:
    """Find at least one flight by id; unknown ids are left out."""
    position, flights = await _SELECT.fetch(connection, _FIND, (ids,))
    return QueryResult(position, {flight.id: flight for flight in flights})


class Sort(Enum):
    """Orders of a list of flights, as callers write them."""

    DEPARTURE = "departs_at"
    LATEST = "-departs_at"
    PRICE = "price"
    DEAREST = "-price"


_ORDERS: dict[Sort, tuple[LiteralString, LiteralString]] = {
    Sort.DEPARTURE: ("f.departs_at, f.id", "and (f.departs_at, f.id) > (%b, %b)"),
    Sort.LATEST: ("f.departs_at desc, f.id desc", "and (f.departs_at, f.id) < (%b, %b)"),
    Sort.PRICE: ("f.price_amount, f.id", "and (f.price_amount, f.id) > (%b, %b)"),
    Sort.DEAREST: ("f.price_amount desc, f.id desc", "and (f.price_amount, f.id) < (%b, %b)"),
}
"""The SQL order, and the condition on the flights that follow a sort key."""

_UPCOMING: LiteralString = "and f.departs_at > (select now from head) and f.departed_at is null"
_HAS_FREE: LiteralString = f"""
    and exists (
        select from seats as s where s.flight_id = f.id
        and (s.seats + s.overbooking - s.held - s.booked >= %b
            or s.seats + s.overbooking - s.held - s.booked + {DUE} >= %b))
"""


class FlightSearch(msgspec.Struct, frozen=True):
    """Conditions and order of a list of flights. `date` is the departure day.

    A `max_price` and an order by price are meaningful only with `currency`. `upcoming` leaves out flights
    that have departed.
    """

    number: str | None = None
    origin: str | None = None
    destination: str | None = None
    date: dt.date | None = None
    min_seats: int | None = None
    max_price: int | None = None
    currency: str | None = None
    upcoming: bool = False
    sort: Sort = Sort.DEPARTURE

    @property
    def is_descending(self) -> bool:
        return self.sort in (Sort.LATEST, Sort.DEAREST)

    def sort_key(self, row: FlightRow) -> FlightSortKey:
        by_price = self.sort in (Sort.PRICE, Sort.DEAREST)
        return (row.price.amount if by_price else row.departs_at), row.id


async def page(
    connection: Connection, search: FlightSearch, after: FlightSortKey | None, limit: int
) -> QueryResult[list[FlightRow]]:
    """Return the flights that follow `after` in the order of the search."""
    order, follows = _ORDERS[search.sort]
    value, id = after or (None, None)
    min_seats = _int8(search.min_seats)
    where, parameters = join_conditions(
        ("and f.number = %b", search.number),
        ("and f.origin = %b", search.origin),
        ("and f.destination = %b", search.destination),
        ("and f.departure_day = %b", search.date),
        ("and f.price_amount <= %b", _int8(search.max_price)),
        ("and f.price_currency = %b", search.currency),
        (_HAS_FREE, min_seats, min_seats),
        (follows, _int8(value) if isinstance(value, int) else value, id),
    )
    upcoming: LiteralString = _UPCOMING if search.upcoming else ""
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (
            select * from flights as f where true {upcoming} {where} order by {order} limit %b
        )
        select head.position, {_SELECT.sql} from head left join page as f on true order by {order}
    """
    return await _SELECT.fetch(connection, statement, [*parameters, Int8(limit)])


def _int8(value: int | None) -> Int8 | None:
    return None if value is None else Int8(value)
