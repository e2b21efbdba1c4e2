"""Bookings as they stand: one row each, the queries, and the upsert that keeps the rows so."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int8

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult, rows
from database.person_tokens import token_sql
from domain.booking import Booking, Status
from domain.money import Money
from domain.payments import PaymentStatus

_NO_UUID = UUID(int=0)
NEVER = datetime.fromtimestamp(0, UTC)
"""Stand for null on the way in, where an array of nothing but nulls would have no type."""


class BookingPayment(msgspec.Struct, frozen=True):
    """`capture_before` is when a pending payment lapses; null when it waits for nobody."""

    payment_id: UUID
    status: PaymentStatus
    capture_before: datetime | None = None


class BookingRow(msgspec.Struct, frozen=True, gc=False):
    """One booking, as callers see it, but for `user_id` (see `database.person_tokens`). Times are UTC."""

    id: UUID
    flight_id: UUID
    user_id: str
    seats: int
    total_cost: Money
    status: Status
    expires_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime
    payment: BookingPayment | None

    @classmethod
    def of(cls, booking: Booking) -> Self:
        paid = booking.payment
        payment = BookingPayment(paid.id, paid.status, paid.capture_before) if paid else None
        return cls(
            booking.id,
            booking.flight_id,
            booking.user_id,
            booking.seats,
            booking.total_cost,
            booking.status,
            booking.expires_at,
            booking.version,
            booking.created_on,
            booking.modified_on,
            payment,
        )

    @classmethod
    def from_columns(cls, columns: Sequence[Any]) -> Self:
        """From the columns that `_COLUMNS` lists."""
        (id, flight_id, user_id, seats, amount, currency, status, expires_at, version, created, updated) = (
            columns[:11]
        )
        payment_id, payment_status, capture_before = columns[11:14]
        payment = payment_id and BookingPayment(payment_id, PaymentStatus(payment_status), capture_before)
        return cls(
            id,
            flight_id,
            user_id,
            seats,
            Money(amount, currency),
            Status(status),
            expires_at,
            version,
            created,
            updated,
            payment,
        )


class BookingSearch(msgspec.Struct, frozen=True):
    """Which bookings a list shows; `owner` is whose bookings the caller may see, None for all."""

    user_id: str | None = None
    flight_id: UUID | None = None
    status: Status | None = None
    owner: str | None = None


async def find(connection: Connection, booking_id: UUID) -> QueryResult[BookingRow | None]:
    position, found = await find_all(connection, [booking_id])
    return QueryResult(position, found.get(booking_id))


async def find_all(connection: Connection, ids: Sequence[UUID]) -> QueryResult[dict[UUID, BookingRow]]:
    """Those that there are of at least one id."""
    found = await rows(connection, _FIND, (ids,))
    bookings = [BookingRow.from_columns(row[1:]) for row in found if row[1] is not None]
    return QueryResult(found[0][0], {booking.id: booking for booking in bookings})


async def page(
    connection: Connection, search: BookingSearch, after: UUID | None, limit: int
) -> QueryResult[list[BookingRow]]:
    """The newest bookings first, from the one that follows `after`."""
    conditions: list[tuple[LiteralString, Any]] = [
        ("and user_id = %b", search.user_id),
        ("and user_id = %b", search.owner),
        ("and flight_id = %b", search.flight_id),
        ("and id < %b", after),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    where = " ".join([_WITH[search.status] if search.status else "", *(text for text, _ in given)])
    statement: LiteralString = f"""
        {WITH_HEAD}, page as (select * from views.bookings where true {where} order by id desc limit %b)
        select head.position, {_COLUMNS} from head left join page as b on true order by b.id desc
    """
    found = await rows(connection, statement, [*(value for _, value in given), Int8(limit)])
    return QueryResult(found[0][0], [BookingRow.from_columns(row[1:]) for row in found if row[1] is not None])


_COLUMNS: LiteralString = f"""
    b.id, b.flight_id, {token_sql("b.user_id")}, b.seats, b.cost_amount, b.cost_currency, b.status,
    b.expires_at, b.version, b.created_at, b.updated_at, b.payment_id, b.payment_status,
    case b.status when 'pending' then b.held_until end
"""
_WITH: dict[Status, LiteralString] = {
    Status.INITIATED: "and status = 'initiated' and held_until is not null",
    Status.PENDING: "and status = 'pending'",
    Status.BOOKED: "and status = 'booked'",
    Status.CANCELLED: "and status = 'cancelled'",
}
"""Written out, so that the planner can tell what is rare: among millions of bookings the index of holds, or
that of pending payments, then finds the few. Who is initiated always has `held_until`.
"""
_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {_COLUMNS} from head left join views.bookings as b on b.id = any ({ID_ARRAY})
"""
ARRAYS: LiteralString = """
    %b::uuid[], %b::uuid[], %b::text[], %b::int2[], %b::int8[], %b::text[], %b::text[], %b::text[],
    %b::timestamptz[], %b::timestamptz[], %b::uuid[], %b::text[], %b::int4[], %b::timestamptz[],
    %b::timestamptz[], %b::text[]
"""
"""The columns that `upsert` writes and `EVERY_ROW` reads, one array each."""
_UPSERT: LiteralString = f"""
    insert into views.bookings as b (
        id, flight_id, user_id, seats, cost_amount, cost_currency, status, cancel_reason,
        expires_at, held_until, payment_id, payment_status, version, created_at, updated_at, gateway_task)
    select id, flight_id, user_id, seats, cost_amount, cost_currency, status, nullif(cancel_reason, ''),
        expires_at, nullif(held_until, 'epoch'),
        nullif(payment_id, '00000000-0000-0000-0000-000000000000'), nullif(payment_status, ''),
        version, created_at, updated_at, nullif(gateway_task, '')
    from unnest({ARRAYS}) as new (
        id, flight_id, user_id, seats, cost_amount, cost_currency, status, cancel_reason,
        expires_at, held_until, payment_id, payment_status, version, created_at, updated_at, gateway_task)
    on conflict (id) do update set
        seats = excluded.seats, cost_amount = excluded.cost_amount,
        status = excluded.status, cancel_reason = excluded.cancel_reason, held_until = excluded.held_until,
        payment_id = excluded.payment_id, payment_status = excluded.payment_status,
        version = excluded.version, updated_at = excluded.updated_at, gateway_task = excluded.gateway_task
"""


def upsert(bookings: Sequence[Booking]) -> tuple[LiteralString, tuple[Any, ...]]:
    """One statement that makes the view show these bookings as they are now; each at most once."""
    return _UPSERT, (
        [b.id for b in bookings],
        [b.flight_id for b in bookings],
        [b.user_id for b in bookings],
        [b.seats for b in bookings],
        [b.total_cost.amount for b in bookings],
        [b.total_cost.currency for b in bookings],
        [b.status.value for b in bookings],
        [b.cancel_reason.value if b.cancel_reason else "" for b in bookings],
        [b.expires_at for b in bookings],
        [b.held_until or NEVER for b in bookings],
        [b.payment.id if b.payment else _NO_UUID for b in bookings],
        [b.payment.status.value if b.payment else "" for b in bookings],
        [b.version for b in bookings],
        [b.created_on for b in bookings],
        [b.modified_on for b in bookings],
        [b.payment.task.value if b.payment and b.payment.task else "" for b in bookings],
    )


EVERY_ROW: LiteralString = """
    select id, flight_id, user_id, seats, cost_amount, cost_currency, status, coalesce(cancel_reason, ''),
        expires_at, coalesce(held_until, 'epoch'),
        coalesce(payment_id, '00000000-0000-0000-0000-000000000000'),
        coalesce(payment_status, ''), version, created_at, updated_at, coalesce(gateway_task, '')
    from views.bookings order by id
"""
"""The whole view in the columns and the form that `upsert` writes, for comparing it with the log."""
