"""Refunds: one row each, the list of them, and the upsert that keeps them equal to the log."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult
from database.person_tokens import text_token_sql, token_sql
from database.select_list import SelectList, join_conditions
from database.table import KeyedTable, Statement, TableColumn
from domain.booking import Booking
from domain.money import Money
from domain.refunds import Refund, RefundReason, RefundStatus


class BookingRefund(NamedTuple):
    """A refund, and the booking that it belongs to."""

    booking: Booking
    refund: Refund


TABLE: KeyedTable[BookingRefund] = KeyedTable(
    "refunds",
    [
        TableColumn("id", "uuid", "refund.id", fixed=True),
        TableColumn("booking_id", "uuid", "booking.id", fixed=True),
        TableColumn("flight_id", "uuid", "booking.flight_id"),
        TableColumn("user_id", "text", "booking.user_id", fixed=True),
        TableColumn("payment_id", "uuid", "refund.payment_id", fixed=True),
        TableColumn("amount", "int8", "refund.amount.amount", fixed=True),
        TableColumn("currency", "text", "refund.amount.currency", fixed=True),
        TableColumn("reason", "text", "refund.reason.value", fixed=True),
        TableColumn("due_at", "timestamptz", "refund.due_at", fixed=True),
        TableColumn("gateway", "text", "refund.gateway", nullable=True, fixed=True),
        TableColumn("charge", "text", "refund.charge", nullable=True, fixed=True),
        TableColumn("requested_at", "timestamptz", "refund.requested_at", nullable=True),
        TableColumn("refusal", "text", "refund.refusal", nullable=True),
        TableColumn("settled_at", "timestamptz", "refund.settled_at", nullable=True),
        TableColumn("reference", "text", "refund.reference", nullable=True),
        TableColumn("parts", "text", "refund.amount.parts_text", nullable=True, fixed=True),
    ],
    order="booking_id, id",
)


def upsert(bookings: Sequence[Booking]) -> Statement:
    """Return the statement that writes all refunds of these bookings; each booking at most once."""
    refunds = [BookingRefund(booking, refund) for booking in bookings for refund in booking.refunds.values()]
    return TABLE.upsert(refunds)


class RefundRow(msgspec.Struct, frozen=True, gc=False):
    """One refund. Times are UTC; `reference` is the payer's name for it.

    `gateway` took the payment and pays the refund on request; `refusal` is its reason not to.
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
    def of(cls, booking: Booking, refund: Refund) -> Self:
        """Return the row of a refund, with the pseudonym as `user_id`."""
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
            refund.gateway,
            refund.refusal,
        )


_SELECT = SelectList(
    RefundRow,
    "r",
    user_id=token_sql("r.user_id"),
    amount=("r.amount", "r.currency", "r.parts"),
    reference=text_token_sql("r.reference", "r.user_id", "r.booking_id"),
)


async def find(connection: Connection, refund_id: UUID) -> QueryResult[RefundRow | None]:
    position, found = await _SELECT.fetch(connection, _FIND, (refund_id,))
    return QueryResult(position, found[0] if found else None)


async def find_of_bookings(connection: Connection, ids: Sequence[UUID]) -> list[RefundRow]:
    """Return the refunds of these bookings, at least one, in the order of their ids."""
    return (await _SELECT.fetch(connection, _OF_BOOKINGS, (ids,))).value


_FIND: LiteralString = f"""
    {WITH_HEAD} select head.position, {_SELECT.sql} from head left join refunds as r on r.id = %b
"""
_OF_BOOKINGS: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {_SELECT.sql} from head left join refunds as r on r.booking_id = any ({ID_ARRAY})
    order by r.id
"""


class RefundSearch(msgspec.Struct, frozen=True):
    """Conditions of a list of refunds."""

    status: RefundStatus | None = None
    booking_id: UUID | None = None
    user_id: str | None = None


async def page(
    connection: Connection, search: RefundSearch, after: UUID | None, limit: int
) -> QueryResult[list[RefundRow]]:
    """Return the refunds that follow `after`, oldest first."""
    where, parameters = join_conditions(
        ("and status = %b", search.status and search.status.value),
        ("and booking_id = %b", search.booking_id),
        ("and user_id = %b", search.user_id),
        ("and id > %b", after),
    )
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (select * from refunds where true {where} order by id limit %b)
        select head.position, {_SELECT.sql} from head left join page as r on true order by r.id
    """
    return await _SELECT.fetch(connection, statement, [*parameters, Int8(limit)])


async def booking_of(connection: Connection, refund_id: UUID) -> UUID | None:
    """Return the id of the booking that a refund belongs to, or None for an unknown refund."""
    cursor = await connection.execute(_BOOKING, (refund_id,), prepare=True)
    row = await cursor.fetchone()
    return row[0] if row else None


_BOOKING: LiteralString = "select booking_id from refunds where id = %s"
