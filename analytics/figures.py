"""Figures for the console, queried from the facts within time limits."""
# ruff: noqa: S608  (statements are built from constants; values travel as parameters)

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled

DAYS = 28
"""Range of sales, funnel and refusals in days, today included."""

LOAD_DAYS_MAX = 60
"""Range of the load factor in days before departure."""

POINTS_MAX = 400
"""Limit on points of a flight's seat counts over time; longer series are thinned."""

SECONDS_MAX, LOAD_SECONDS_MAX = 1, 2
"""Time limits per query. The load factor reads all seat changes; longer analyses belong on a replica."""


class Sale(NamedTuple):
    """Money of one day and currency, in minor units. A refund counts on the day when it became due."""

    day: dt.date
    currency: str
    payments: int
    seats: int
    captured: int
    refunded: int


class LoadFactor(NamedTuple):
    """Seats of all flights that were on sale `days` before departure."""

    days: int
    flights: int
    seats: int
    booked: int


class Funnel(NamedTuple):
    """Bookings by outcome. `initiated` is the sum of all others except `payment_started`."""

    initiated: int
    payment_started: int
    paid: int
    expired: int
    given_up: int
    flight_cancelled: int
    open: int


class RefusalCount(NamedTuple):
    operation: str
    reason: str
    refused: int


class SeatCounts(NamedTuple):
    """Seat counts right after the event at `position`: seats = held + booked + available."""

    position: int
    at: dt.datetime
    seats: int
    held: int
    booked: int
    available: int


class Figures(NamedTuple):
    """A figure is None if its query exceeded the time limit."""

    sales: list[Sale] | None
    loads: list[LoadFactor] | None
    funnel: Funnel | None
    refused: list[RefusalCount] | None


async def figures(connection: AsyncConnection[Any]) -> Figures:
    """Query all figures in one snapshot."""
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        sales = await _query(connection, _SALES)
        loads = await _query(connection, _LOADS, seconds_max=LOAD_SECONDS_MAX)
        funnel = await _query(connection, _FUNNEL)
        refused = await _query(connection, _REFUSED)
    return Figures(
        None if sales is None else [Sale(*row) for row in sales],
        None if loads is None else [LoadFactor(*row) for row in loads],
        None if funnel is None else Funnel(*funnel[0]),
        None if refused is None else [RefusalCount(*row) for row in refused],
    )


async def seats_over_time(connection: AsyncConnection[Any], flight_id: UUID) -> list[SeatCounts] | None:
    """Return the seat counts of a flight over time, or None if the query exceeded the time limit."""
    async with connection.transaction():
        found = await _query(connection, _SEATS, (flight_id,))
    return None if found is None else [SeatCounts(*row) for row in found]


async def _query(
    connection: AsyncConnection[Any],
    statement: LiteralString,
    parameters: Sequence[Any] = (),
    seconds_max: int = SECONDS_MAX,
) -> list[tuple[Any, ...]] | None:
    try:
        async with connection.transaction():
            await connection.execute(f"set local statement_timeout = '{seconds_max}s'".encode())
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()
    except QueryCanceled:
        return None


_SINCE: LiteralString = f"day > (now() at time zone 'UTC')::date - {DAYS}"

_SALES: LiteralString = f"""
    select day, currency, sum(payments)::bigint, sum(seats)::bigint, sum(captured_amount)::bigint,
        sum(refunded_amount)::bigint
    from analytics_daily_sales where {_SINCE} group by day, currency order by currency, day limit 2000
"""
_LOADS: LiteralString = f"""
    select days_to_departure, count(*), sum(seats)::bigint, sum(booked)::bigint from analytics_load_factor
    where days_to_departure <= {LOAD_DAYS_MAX} group by days_to_departure order by days_to_departure desc
"""
_FUNNEL: LiteralString = f"""
    select coalesce(sum(initiated), 0)::bigint, coalesce(sum(payment_started), 0)::bigint,
        coalesce(sum(paid), 0)::bigint, coalesce(sum(expired), 0)::bigint,
        coalesce(sum(given_up), 0)::bigint, coalesce(sum(flight_cancelled), 0)::bigint,
        coalesce(sum(open), 0)::bigint
    from analytics_funnel where {_SINCE}
"""
_REFUSED: LiteralString = f"""
    select operation, reason, sum(refused)::bigint as refused from analytics_refusal_rates where {_SINCE}
    group by operation, reason order by refused desc, operation, reason limit 12
"""

_SEATS: LiteralString = f"""
    with numbered as (
        select *, row_number() over (order by position) as number, count(*) over () as total
        from analytics_seats_over_time where flight_id = %s
    )
    select position, recorded_at, seats::int, held::int, booked::int, available::int from numbered
    where number in (1, total) or number %% (1 + total / {POINTS_MAX}) = 0 order by position
"""
