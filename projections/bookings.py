"""Bookings as they stand: one row each, and the upsert that keeps them so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import msgspec
from psycopg.types.numeric import Int2, Int4, Int8

from domain.booking import Booking, PaymentStatus, Status
from domain.money import Money

_NO_UUID = UUID(int=0)
"""Stands for null on the way in: an array of nothing but nulls has no type, and would make another statement."""


class Payment(msgspec.Struct, frozen=True):
    payment_id: UUID
    status: PaymentStatus


class BookingRow(msgspec.Struct, frozen=True, gc=False):
    """One booking, as callers see it. Times are UTC."""

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
    payment: Payment | None

    @classmethod
    def of(cls, booking: Booking) -> Self:
        payment = None
        if booking.payment_id is not None and booking.payment_status is not None:
            payment = Payment(booking.payment_id, booking.payment_status)
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


_UPSERT: LiteralString = """
    insert into views.bookings as b (
        id, flight_id, user_id, seats, cost_amount, cost_currency, status, cancel_reason,
        expires_at, payment_id, payment_status, version, created_at, updated_at)
    select id, flight_id, user_id, seats, cost_amount, cost_currency, status, nullif(cancel_reason, ''),
        expires_at, nullif(payment_id, '00000000-0000-0000-0000-000000000000'), nullif(payment_status, ''),
        version, created_at, updated_at
    from unnest(
        %b::uuid[], %b::uuid[], %b::text[], %b::int2[], %b::int8[], %b::text[], %b::text[], %b::text[],
        %b::timestamptz[], %b::uuid[], %b::text[], %b::int4[], %b::timestamptz[], %b::timestamptz[]
    ) as new (
        id, flight_id, user_id, seats, cost_amount, cost_currency, status, cancel_reason,
        expires_at, payment_id, payment_status, version, created_at, updated_at)
    on conflict (id) do update set
        status = excluded.status, cancel_reason = excluded.cancel_reason, expires_at = excluded.expires_at,
        payment_id = excluded.payment_id, payment_status = excluded.payment_status,
        version = excluded.version, updated_at = excluded.updated_at
"""


def upsert(bookings: Sequence[Booking]) -> tuple[LiteralString, tuple[Any, ...]]:
    """One statement that makes the view show these bookings as they are now; each at most once."""
    return _UPSERT, (
        [b.id for b in bookings],
        [b.flight_id for b in bookings],
        [b.user_id for b in bookings],
        [Int2(b.seats) for b in bookings],
        [Int8(b.total_cost.amount) for b in bookings],
        [b.total_cost.currency for b in bookings],
        [b.status.value for b in bookings],
        [b.cancel_reason.value if b.cancel_reason else "" for b in bookings],
        [b.expires_at for b in bookings],
        [b.payment_id or _NO_UUID for b in bookings],
        [b.payment_status.value if b.payment_status else "" for b in bookings],
        [Int4(b.version) for b in bookings],
        [b.created_on for b in bookings],
        [b.modified_on for b in bookings],
    )
