"""Refunds as they stand: the worklist of money that has to go back, and what became of it."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import WITH_HEAD, QueryResult, rows
from database.person_tokens import text_token_sql, token_sql
from domain.booking import Booking
from domain.money import Money
from domain.refunds import Refund, RefundReason, RefundStatus
from projections.bookings import NEVER


class RefundRow(msgspec.Struct, frozen=True, gc=False):
    """One refund, as callers see it. Times are UTC; `reference` is what its payer calls it.

    `gateway` took the payment, and pays the refund when asked; `refusal` is why it will not.
    """

    id: UUID
    booking_id: UUID
    flight_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    reason: RefundReason
    status: RefundStatus
    due_at: datetime
    settled_at: datetime | None
    reference: str | None
    gateway: str | None = None
    refusal: str | None = None

    @classmethod
    def from_columns(cls, columns: Sequence[Any]) -> Self:
        """From the columns that `_COLUMNS` lists."""
        (id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at) = columns[:9]
        gateway, charge, requested_at, refusal, settled_at, reference = columns[9:]
        refund = Refund(
            id,
            payment_id,
            Money(amount, currency),
            RefundReason(reason),
            due_at,
            gateway,
            charge,
            requested_at,
            refusal,
            settled_at,
            reference,
        )
        return cls._of(refund, booking_id, flight_id, user_id)

    @classmethod
    def of(cls, booking: Booking, refund: Refund) -> Self:
        return cls._of(refund, booking.id, booking.flight_id, booking.user_id)

    @classmethod
    def _of(cls, refund: Refund, booking_id: UUID, flight_id: UUID, user_id: str) -> Self:
        return cls(
            refund.id,
            booking_id,
            flight_id,
            user_id,
            refund.payment_id,
            refund.amount,
            refund.reason,
            refund.status,
            refund.due_at,
            refund.settled_at,
            refund.reference,
            refund.gateway,
            refund.refusal,
        )


class RefundSearch(msgspec.Struct, frozen=True):
    """Which refunds a list shows."""

    status: RefundStatus | None = None
    booking_id: UUID | None = None
    user_id: str | None = None


async def page(
    connection: Connection, search: RefundSearch, after: UUID | None, limit: int
) -> QueryResult[list[RefundRow]]:
    """The oldest refunds first, from the one that follows `after`."""
    conditions: list[tuple[LiteralString, Any]] = [
        ("and status = %b", search.status and search.status.value),
        ("and booking_id = %b", search.booking_id),
        ("and user_id = %b", search.user_id),
        ("and id > %b", after),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    where = " ".join([text for text, _ in given])
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (select * from views.refunds where true {where} order by id limit %b)
        select head.position, {_SHOWN} from head left join page on true order by id
    """
    found = await rows(connection, statement, [*(value for _, value in given), Int8(limit)])
    return QueryResult(found[0][0], [RefundRow.from_columns(row[1:]) for row in found if row[1] is not None])


async def booking_of(connection: Connection, refund_id: UUID) -> UUID | None:
    """Whose refund it is."""
    cursor = await connection.execute(_BOOKING, (refund_id,), prepare=True)
    row = await cursor.fetchone()
    return row[0] if row else None


_BOOKING: LiteralString = "select booking_id from views.refunds where id = %s"
_NAMES: LiteralString = """
    id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at, gateway, charge,
    requested_at, refusal, settled_at, reference
"""
ARRAYS: LiteralString = """
    %b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::uuid[], %b::int8[], %b::text[], %b::text[],
    %b::timestamptz[], %b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::timestamptz[],
    %b::text[]
"""
"""The columns that `upsert` writes and `EVERY_ROW` reads, one array each."""
_SHOWN: LiteralString = f"""
    id, booking_id, flight_id, {token_sql("user_id")}, payment_id, amount, currency, reason, due_at, gateway,
    charge, requested_at, refusal, settled_at, {text_token_sql("reference", "user_id", "booking_id")}
"""
_UPSERT: LiteralString = f"""
    insert into views.refunds ({_NAMES})
    select id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at,
        nullif(gateway, ''), nullif(charge, ''), nullif(requested_at, 'epoch'), nullif(refusal, ''),
        nullif(settled_at, 'epoch'), nullif(reference, '')
    from unnest({ARRAYS}) as new ({_NAMES})
    on conflict (id) do update set requested_at = excluded.requested_at, refusal = excluded.refusal,
        settled_at = excluded.settled_at, reference = excluded.reference
"""


def upsert(bookings: Sequence[Booking]) -> tuple[LiteralString, tuple[Any, ...]]:
    """One statement that makes the view show the refunds of these bookings as they are now."""
    owed = [(booking, refund) for booking in bookings for refund in booking.refunds.values()]
    return _UPSERT, (
        [refund.id for _, refund in owed],
        [booking.id for booking, _ in owed],
        [booking.flight_id for booking, _ in owed],
        [booking.user_id for booking, _ in owed],
        [refund.payment_id for _, refund in owed],
        [refund.amount.amount for _, refund in owed],
        [refund.amount.currency for _, refund in owed],
        [refund.reason.value for _, refund in owed],
        [refund.due_at for _, refund in owed],
        [refund.gateway or "" for _, refund in owed],
        [refund.charge or "" for _, refund in owed],
        [refund.requested_at or NEVER for _, refund in owed],
        [refund.refusal or "" for _, refund in owed],
        [refund.settled_at or NEVER for _, refund in owed],
        [refund.reference or "" for _, refund in owed],
    )


EVERY_ROW: LiteralString = """
    select id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at,
        coalesce(gateway, ''), coalesce(charge, ''), coalesce(requested_at, 'epoch'), coalesce(refusal, ''),
        coalesce(settled_at, 'epoch'), coalesce(reference, '')
    from views.refunds order by booking_id, id
"""
"""The whole view in the columns and the form that `upsert` writes, for comparing it with the log."""
