"""Flights as they stand: one row each, the queries, and the upsert that keeps the rows so."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

import datetime as dt
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult, rows
from domain.flight import Flight, FlightStatus
from domain.money import Money
from projections.availability import DUE

FlightSortKey = tuple[dt.datetime | int, UUID]
"""Where a page ended: the value it was sorted by, and the id."""


class FlightRow(msgspec.Struct, frozen=True, gc=False):
    """One flight, as callers see it. Times are UTC; `status` is that of the instant it was asked for."""

    id: UUID
    number: str
    origin: str
    destination: str
    departs_at: dt.datetime
    arrives_at: dt.datetime
    seats: int
    price: Money
    status: FlightStatus
    version: int

    @classmethod
    def of(cls, flight: Flight, now: dt.datetime | None = None) -> Self:
        """`now` is the moment of its last event unless given."""
        return cls(
            flight.id,
            flight.number,
            flight.origin,
            flight.destination,
            flight.departs_at,
            flight.arrives_at,
            flight.seats,
            flight.price,
            flight.status(now or flight.modified_on),
            flight.version,
        )

    @classmethod
    def from_columns(cls, columns: Sequence[Any]) -> Self:
        """From the columns that `_COLUMNS` lists."""
        id, number, origin, destination, departs_at, arrives_at, seats, amount, currency, status, version = (
            columns
        )
        return cls(
            id,
            number,
            origin,
            destination,
            departs_at,
            arrives_at,
            seats,
            Money(amount, currency),
            FlightStatus(status),
            version,
        )


class Sort(Enum):
    DEPARTURE = "departs_at"
    LATEST = "-departs_at"
    PRICE = "price"
    DEAREST = "-price"


class FlightSearch(msgspec.Struct, frozen=True):
    """Which flights a list shows, and in which order; `date` is the departure day at the origin.

    `upcoming`: only those that have not departed.
    """

    origin: str | None = None
    destination: str | None = None
    date: dt.date | None = None
    min_seats: int | None = None
    max_price: int | None = None
    upcoming: bool = False
    sort: Sort = Sort.DEPARTURE

    def sort_key(self, row: FlightRow) -> FlightSortKey:
        by_price = self.sort in (Sort.PRICE, Sort.DEAREST)
        return (row.price.amount if by_price else row.departs_at), row.id


async def find(connection: Connection, flight_id: UUID) -> QueryResult[FlightRow | None]:
    position, found = await find_all(connection, [flight_id])
    return QueryResult(position, found.get(flight_id))


async def find_all(connection: Connection, ids: Sequence[UUID]) -> QueryResult[dict[UUID, FlightRow]]:
    """Those that there are of at least one id."""
    found = await rows(connection, _FIND, (ids,))
    flights = [FlightRow.from_columns(row[1:]) for row in found if row[1] is not None]
    return QueryResult(found[0][0], {flight.id: flight for flight in flights})


async def page(
    connection: Connection, search: FlightSearch, after: FlightSortKey | None, limit: int
) -> QueryResult[list[FlightRow]]:
    """The flights that follow `after`, in the order that the search asks for."""
    order, follows = _ORDERS[search.sort]
    conditions: list[tuple[LiteralString, Sequence[Any] | None]] = [
        ("and f.origin = %b", _given(search.origin)),
        ("and f.destination = %b", _given(search.destination)),
        ("and f.departure_day = %b", _given(search.date)),
        ("and f.price_amount <= %b", _given(search.max_price, Int8)),
        ("and f.departs_at > (select now from head)", [] if search.upcoming else None),
        (_HAS_FREE, _given(search.min_seats, Int8, times=2)),
        (follows, after and [Int8(after[0]) if isinstance(after[0], int) else after[0], after[1]]),
    ]
    given = [(text, values) for text, values in conditions if values is not None]
    where = " ".join([text for text, _ in given])
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (select * from views.flights as f where true {where} order by {order} limit %b)
        select head.position, {_COLUMNS} from head left join page as f on true order by {order}
    """
    found = await rows(connection, statement, [*(v for _, values in given for v in values), Int8(limit)])
    return QueryResult(found[0][0], [FlightRow.from_columns(row[1:]) for row in found if row[1] is not None])


def _given(value: Any, kind: Callable[[Any], Any] | None = None, times: int = 1) -> list[Any] | None:
    """The parameters of a condition, or None where the search does not ask for it."""
    return None if value is None else [kind(value) if kind else value] * times


_ORDERS: dict[Sort, tuple[LiteralString, LiteralString]] = {
    Sort.DEPARTURE: ("f.departs_at, f.id", "and (f.departs_at, f.id) > (%b, %b)"),
    Sort.LATEST: ("f.departs_at desc, f.id desc", "and (f.departs_at, f.id) < (%b, %b)"),
    Sort.PRICE: ("f.price_amount, f.id", "and (f.price_amount, f.id) > (%b, %b)"),
    Sort.DEAREST: ("f.price_amount desc, f.id desc", "and (f.price_amount, f.id) < (%b, %b)"),
}
_HAS_FREE: LiteralString = f"""
    and exists (
        select from ledger.seats as s where s.flight_id = f.id
        and (s.seats - s.held - s.booked >= %b or s.seats - s.held - s.booked + {DUE} >= %b))
"""
_COLUMNS: LiteralString = """
    f.id, f.number, f.origin, f.destination, f.departs_at, f.arrives_at, f.seats, f.price_amount,
    f.price_currency,
    case when f.cancelled then 'cancelled' when f.departs_at <= head.now then 'departed' else 'scheduled' end,
    f.version
"""
_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {_COLUMNS} from head left join views.flights as f on f.id = any ({ID_ARRAY})
"""
ARRAYS: LiteralString = """
    %b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::date[],
    %b::int4[], %b::int8[], %b::text[], %b::bool[], %b::int4[]
"""
"""The columns that `upsert` writes and `EVERY_ROW` reads, one array each."""
_UPSERT: LiteralString = f"""
    insert into views.flights (
        id, number, origin, destination, departs_at, arrives_at, departure_day,
        seats, price_amount, price_currency, cancelled, version)
    select * from unnest({ARRAYS})
    on conflict (id) do update set
        seats = excluded.seats, price_amount = excluded.price_amount,
        price_currency = excluded.price_currency, cancelled = excluded.cancelled, version = excluded.version
"""


def upsert(flights: Sequence[Flight]) -> tuple[LiteralString, tuple[Any, ...]]:
    """One statement that makes the view show these flights as they are now; each at most once."""
    return _UPSERT, (
        [f.id for f in flights],
        [f.number for f in flights],
        [f.origin for f in flights],
        [f.destination for f in flights],
        [f.departs_at for f in flights],
        [f.arrives_at for f in flights],
        [f.departure_day for f in flights],
        [f.seats for f in flights],
        [f.price.amount for f in flights],
        [f.price.currency for f in flights],
        [f.cancelled for f in flights],
        [f.version for f in flights],
    )


EVERY_ROW: LiteralString = """
    select id, number, origin, destination, departs_at, arrives_at, departure_day,
        seats, price_amount, price_currency, cancelled, version
    from views.flights order by id
"""
"""The whole view in the columns and the form that `upsert` writes, for comparing it with the log."""
