"""Refunds as they stand: the worklist of money that has to go back, and what became of it."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.types.numeric import Int8

from domain.booking import Booking
from domain.money import Money
from domain.refunds import Refund, RefundReason, RefundStatus
from projections.bookings import NEVER
from projections.head import WITH_HEAD, Seen, rows


class RefundRow(msgspec.Struct, frozen=True, gc=False):
    """One refund, as callers see it. Times are UTC; `reference` is what its payer calls it."""

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

    @classmethod
    def of(cls, booking: Booking, refund: Refund) -> Self:
        return cls(
            refund.id,
            booking.id,
            booking.flight_id,
            booking.user_id,
            refund.payment_id,
            refund.amount,
            refund.reason,
            refund.status,
            refund.due_at,
            refund.settled_at,
            refund.reference,
        )

    @classmethod
    def from_columns(cls, columns: Sequence[Any]) -> Self:
        """From the columns that `_COLUMNS` lists."""
        id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at, settled_at, ref = (
            columns
        )
        status = RefundStatus.DUE if settled_at is None else RefundStatus.SETTLED
        money = Money(amount, currency)
        return cls(
            id,
            booking_id,
            flight_id,
            user_id,
            payment_id,
            money,
            RefundReason(reason),
            status,
            due_at,
            settled_at,
            ref,
        )


class RefundSearch(msgspec.Struct, frozen=True):
    """Which refunds a list shows."""

    status: RefundStatus | None = None
    booking_id: UUID | None = None
    user_id: str | None = None


async def page(
    connection: AsyncConnection[Any], search: RefundSearch, after: UUID | None, limit: int
) -> Seen[list[RefundRow]]:
    """The oldest refunds first, from the one that follows `after`."""
    conditions: list[tuple[LiteralString, Any]] = [
        ("and (settled_at is null) = %b", search.status and search.status is RefundStatus.DUE),
        ("and booking_id = %b", search.booking_id),
        ("and user_id = %b", search.user_id),
        ("and id > %b", after),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    where = " ".join([text for text, _ in given])
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (select * from views.refunds where true {where} order by id limit %b)
        select head.position, {_COLUMNS} from head left join page as r on true order by r.id
    """
    found = await rows(connection, statement, [*(value for _, value in given), Int8(limit)])
    return Seen(found[0][0], [RefundRow.from_columns(row[1:]) for row in found if row[1] is not None])


_COLUMNS: LiteralString = """
    r.id, r.booking_id, r.flight_id, r.user_id, r.payment_id, r.amount, r.currency, r.reason, r.due_at,
    r.settled_at, r.reference
"""
_UPSERT: LiteralString = """
    insert into views.refunds (
        id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at, settled_at,
        reference)
    select id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at,
        nullif(settled_at, 'epoch'), nullif(reference, '')
    from unnest(
        %b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::uuid[], %b::int8[], %b::text[], %b::text[],
        %b::timestamptz[], %b::timestamptz[], %b::text[]
    ) as new (
        id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at, settled_at,
        reference)
    on conflict (id) do update set settled_at = excluded.settled_at, reference = excluded.reference
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
        [Int8(refund.amount.amount) for _, refund in owed],
        [refund.amount.currency for _, refund in owed],
        [refund.reason.value for _, refund in owed],
        [refund.due_at for _, refund in owed],
        [refund.settled_at or NEVER for _, refund in owed],
        [refund.reference or "" for _, refund in owed],
    )


EVERY_ROW: LiteralString = """
    select id, booking_id, flight_id, user_id, payment_id, amount, currency, reason, due_at,
        coalesce(settled_at, 'epoch'), coalesce(reference, '')
    from views.refunds order by booking_id, id
"""
"""The whole view in the columns and the form that `upsert` writes, for comparing it with the log."""
