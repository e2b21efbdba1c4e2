"""Figures for people to look at: few numbers out of the facts, each asked for a limited time."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

import datetime as dt
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled

DAYS = 28
"""How far back sales, funnel and refusals look, today included."""

LOAD_DAYS_MAX = 60
"""How many days before departure the load factor is told."""

POINTS_MAX = 400
"""Of seats over time: of more, every so many-th."""

SECONDS_MAX, LOAD_SECONDS_MAX = 1, 2
"""For one question; the load factor looks at all seats ever. Who needs more asks a replica by SQL."""


class Sale(NamedTuple):
    """A day's money of one currency, in minor units; a refund counts on the day that it became due."""

    day: dt.date
    currency: str
    payments: int
    seats: int
    captured: int
    refunded: int


class Load(NamedTuple):
    """Of all flights together that were on sale so many days before departure."""

    days: int
    flights: int
    seats: int
    booked: int


class Funnel(NamedTuple):
    """What became of the bookings initiated: the first is the sum of all others but `payment_started`."""

    initiated: int
    payment_started: int
    paid: int
    expired: int
    given_up: int
    flight_cancelled: int
    open: int


class Refused(NamedTuple):
    operation: str
    reason: str
    refused: int


class SeatsThen(NamedTuple):
    """Right after the event at `position`: seats = held + booked + available."""

    position: int
    at: dt.datetime
    seats: int
    held: int
    booked: int
    available: int


class Figures(NamedTuple):
    """None where the question took too long."""

    sales: list[Sale] | None
    loads: list[Load] | None
    funnel: Funnel | None
    refused: list[Refused] | None


async def figures(connection: AsyncConnection[Any]) -> Figures:
    """All of them as of one moment."""
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        sales = await _ask(connection, _SALES)
        loads = await _ask(connection, _LOADS, seconds_max=LOAD_SECONDS_MAX)
        funnel = await _ask(connection, _FUNNEL)
        refused = await _ask(connection, _REFUSED)
    return Figures(
        None if sales is None else [Sale(*row) for row in sales],
        None if loads is None else [Load(*row) for row in loads],
        None if funnel is None else Funnel(*funnel[0]),
        None if refused is None else [Refused(*row) for row in refused],
    )


async def seats_over_time(connection: AsyncConnection[Any], flight_id: UUID) -> list[SeatsThen] | None:
    """How a flight's seats changed, in order; None where it took too long to find out."""
    async with connection.transaction():
        found = await _ask(connection, _SEATS, (flight_id,))
    return None if found is None else [SeatsThen(*row) for row in found]


async def _ask(
    connection: AsyncConnection[Any],
    question: LiteralString,
    parameters: Sequence[Any] = (),
    seconds_max: int = SECONDS_MAX,
) -> list[tuple[Any, ...]] | None:
    try:
        async with connection.transaction():
            await connection.execute(f"set local statement_timeout = '{seconds_max}s'".encode())
            cursor = await connection.execute(question, parameters)
            return await cursor.fetchall()
    except QueryCanceled:
        return None


_SINCE: LiteralString = f"day > (now() at time zone 'UTC')::date - {DAYS}"

_SALES: LiteralString = f"""
    select day, currency, sum(payments)::bigint, sum(seats)::bigint, sum(captured_amount)::bigint,
        sum(refunded_amount)::bigint
    from analytics.daily_sales where {_SINCE} group by day, currency order by currency, day limit 2000
"""
_LOADS: LiteralString = f"""
    select days_to_departure, count(*), sum(seats)::bigint, sum(booked)::bigint from analytics.load_factor
    where days_to_departure <= {LOAD_DAYS_MAX} group by days_to_departure order by days_to_departure desc
"""
_FUNNEL: LiteralString = f"""
    select coalesce(sum(initiated), 0)::bigint, coalesce(sum(payment_started), 0)::bigint,
        coalesce(sum(paid), 0)::bigint, coalesce(sum(expired), 0)::bigint,
        coalesce(sum(given_up), 0)::bigint, coalesce(sum(flight_cancelled), 0)::bigint,
        coalesce(sum(open), 0)::bigint
    from analytics.funnel where {_SINCE}
"""
_REFUSED: LiteralString = f"""
    select operation, reason, sum(refused)::bigint as refused from analytics.refusal_rates where {_SINCE}
    group by operation, reason order by refused desc, operation, reason limit 12
"""

_SEATS: LiteralString = f"""
    with numbered as (
        select *, row_number() over (order by position) as number, count(*) over () as total
        from analytics.seats_over_time where flight_id = %s
    )
    select position, recorded_at, seats::int, held::int, booked::int, available::int from numbered
    where number in (1, total) or number %% (1 + total / {POINTS_MAX}) = 0 order by position
"""
