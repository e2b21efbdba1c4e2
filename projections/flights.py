"""Flights as they stand: one row each, and the upsert that keeps them so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int4, Int8

from domain.flight import Flight, FlightStatus
from domain.money import Money


class FlightRow(msgspec.Struct, frozen=True, gc=False):
    """One flight, as callers see it. Times are UTC; `status` is that of the instant it was asked for."""

    id: UUID
    number: str
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    seats: int
    price: Money
    status: FlightStatus
    version: int

    @classmethod
    def of(cls, flight: Flight, now: datetime | None = None) -> Self:
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


_UPSERT: LiteralString = """
    insert into views.flights (
        id, number, origin, destination, departs_at, arrives_at, departure_day,
        seats, price_amount, price_currency, cancelled, version)
    select * from unnest(
        %b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::date[],
        %b::int4[], %b::int8[], %b::text[], %b::bool[], %b::int4[])
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
        [Int4(f.seats) for f in flights],
        [Int8(f.price.amount) for f in flights],
        [f.price.currency for f in flights],
        [f.cancelled for f in flights],
        [Int4(f.version) for f in flights],
    )
