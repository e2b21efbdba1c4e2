"""Itineraries: the bookings of each, as one row in the form that callers get, and the queries on them."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import LiteralString, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import WITH_HEAD, QueryResult
from database.select_list import join_conditions
from domain.booking_state import Status
from domain.itinerary import Itinerary
from domain.money import Money, total
from domain.payments import PaymentStatus
from projections.bookings import SELECT, BookingPayment, BookingRow


class ItineraryRow(msgspec.Struct, frozen=True):
    """One itinerary with its bookings, in the order in which they were requested.

    `total_cost` is that of the bookings that are not cancelled, or of all if all are; so are `status` and
    `payment`. `version` counts the events of all bookings. Times are UTC.
    """

    id: UUID
    user_id: str
    bookings: list[BookingRow]
    total_cost: Money
    status: Status
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime
    payment: BookingPayment | None

    @classmethod
    def of(cls, itinerary: Itinerary) -> Self:
        """Return the row of an itinerary, with the pseudonym as `user_id`."""
        return cls.of_rows(itinerary.id, [BookingRow.of(booking) for booking in itinerary.bookings])

    @classmethod
    def of_rows(cls, id: UUID, rows: list[BookingRow]) -> Self:
        """Return the row that these bookings make, at least one, in the order of their ids."""
        first = rows[0]
        live = [row for row in rows if row.status is not Status.CANCELLED] or rows
        return cls(
            id,
            first.user_id,
            rows,
            total([row.total_cost for row in live]),
            live[0].status,
            min(row.expires_at for row in live),
            1 + sum(row.version - 1 for row in rows),
            first.created_at,
            max(row.updated_at for row in rows),
            min(live, key=_payer_order).payment,
        )


def _payer_order(row: BookingRow) -> tuple[bool, bool]:
    """Sort a lapsed payment first, because a late capture still decides on it."""
    return row.payment is None or row.payment.status is not PaymentStatus.LAPSED, row.payment is None


async def find(connection: Connection, itinerary_id: UUID) -> QueryResult[ItineraryRow | None]:
    position, rows = await SELECT.fetch(connection, _FIND, (itinerary_id,))
    return QueryResult(position, ItineraryRow.of_rows(itinerary_id, rows) if rows else None)


_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {SELECT.sql} from head left join bookings as b on b.itinerary_id = %b order by b.id
"""


class ItinerarySearch(msgspec.Struct, frozen=True):
    """Conditions of a list of itineraries; with `owner`, only those of that user are visible."""

    user_id: str | None = None
    flight_id: UUID | None = None
    owner: str | None = None


async def page(
    connection: Connection, search: ItinerarySearch, after: UUID | None, limit: int
) -> QueryResult[list[ItineraryRow]]:
    """Return the itineraries older than `after`, newest first."""
    where, parameters = join_conditions(
        ("and user_id = %b", search.user_id),
        ("and user_id = %b", search.owner),
        ("and flight_id = %b", search.flight_id),
        ("and itinerary_id < %b", after),
    )
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (
            select distinct itinerary_id from bookings where itinerary_id is not null {where}
            order by itinerary_id desc limit %b
        )
        select head.position, {SELECT.sql} from head
        left join (page join bookings as b using (itinerary_id)) on true
        order by b.itinerary_id desc, b.id
    """
    position, rows = await SELECT.fetch(connection, statement, [*parameters, Int8(limit)])
    return QueryResult(position, list(_itineraries(rows)))


def _itineraries(rows: Sequence[BookingRow]) -> Iterator[ItineraryRow]:
    for id, bookings in groupby(rows, key=lambda row: row.itinerary_id):
        assert id is not None
        yield ItineraryRow.of_rows(id, list(bookings))
