"""Payments by id: what each one paid for, and its state."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from database.connection import Connection
from database.head import QueryResult, snapshot
from domain.booking import Booking
from domain.money import Money, total
from domain.payments import Capture, Payment, PaymentStatus
from ledger import histories
from ledger.histories import StreamHistory
from ledger.ids import milliseconds_in
from ledger.log import SCANNED_MAX, find_position_at, steps

CLOCK_DIFFERENCE = timedelta(seconds=30)
"""A payment's id begins with the time on the clock of a host, and the log has the database's."""


class PaymentRow(msgspec.Struct, frozen=True):
    """One payment in the form that callers get, with a token as `user_id`. Times are UTC.

    A payment of an itinerary has several `booking_ids`, and no `booking_id`. `amount` is what was paid for
    all of them. `capture_before` is when a pending payment lapses; else null. `reason`: why it was declined
    or voided.
    """

    id: UUID
    booking_id: UUID | None
    booking_ids: list[UUID]
    itinerary_id: UUID | None
    user_id: str
    amount: Money
    capture: Capture
    status: PaymentStatus
    capture_before: datetime | None
    gateway: str | None
    reason: str | None
    created_at: datetime
    updated_at: datetime


class _Part(msgspec.Struct):
    """The payment as one of its bookings has it."""

    booking: Booking
    user_id: str
    payment: Payment
    created_at: datetime
    updated_at: datetime


async def find(connection: Connection, payment_id: UUID) -> QueryResult[PaymentRow | None]:
    """Return the payment, or None.

    An earlier payment of a booking is in the log alone, and found there by the time in its id.
    """
    async with snapshot(connection) as position:
        ids = await _ids(connection, _LATEST, (payment_id,))
        if not ids:
            first = await find_position_at(connection, _time_of(payment_id) - CLOCK_DIFFERENCE)
            ids = await _ids(connection, _EARLIER, (first, first + SCANNED_MAX, str(payment_id)))
        streams = (await histories.find_all(connection, ids)).value if ids else {}
    return QueryResult(position, payment_in(payment_id, [streams[id] for id in sorted(streams)]))


async def _ids(connection: Connection, statement: LiteralString, values: Sequence[object]) -> list[UUID]:
    cursor = await connection.execute(statement, values, prepare=True)
    return [row[0] for row in await cursor.fetchall()]


_LATEST: LiteralString = "select id from bookings where payment_id = %s"
_EARLIER: LiteralString = """
    select distinct originator_id from events
    where position > %s and position <= %s and position(%s in state) > 0
        and topic in ('booking.payment_pending', 'booking.payment_requested')
"""


def _time_of(id: UUID) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds_in(id) / 1000, UTC)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


async def find_latest(connection: Connection, payment_ids: Sequence[UUID]) -> dict[UUID, PaymentRow]:
    """Return those of the payments that are the latest of their bookings, by id."""
    cursor = await connection.execute(_BOOKINGS, (list(payment_ids),), prepare=True)
    paid: dict[UUID, list[UUID]] = {}
    for payment_id, booking_id in await cursor.fetchall():
        paid.setdefault(payment_id, []).append(booking_id)
    ids = [id for of_one in paid.values() for id in of_one]
    streams = (await histories.find_all(connection, ids)).value if ids else {}
    rows = {one: payment_in(one, [streams[id] for id in sorted(of_one)]) for one, of_one in paid.items()}
    return {id: row for id, row in rows.items() if row is not None}


_BOOKINGS: LiteralString = "select payment_id, id from bookings where payment_id = any ((select %s)::uuid[])"


def payment_in(payment_id: UUID, streams: Iterable[StreamHistory]) -> PaymentRow | None:
    """Return the payment that these bookings share, or None if none of them has it."""
    parts = [part for stream in streams if (part := _part_in(payment_id, stream))]
    if not parts:
        return None
    # A cancelled booking of an itinerary can be refunded before the others.
    leading = next((part for part in parts if part.payment.status not in _RETURNED), parts[0])
    payment, ids = leading.payment, [part.booking.id for part in parts]
    return PaymentRow(
        payment_id,
        ids[0] if len(ids) == 1 else None,
        ids,
        leading.booking.itinerary_id,
        leading.user_id,
        total([part.payment.amount for part in parts]),
        payment.capture,
        payment.status,
        payment.capture_before,
        payment.gateway,
        payment.reason,
        min(part.created_at for part in parts),
        max(part.updated_at for part in parts),
    )


_RETURNED = frozenset({PaymentStatus.REFUND_DUE, PaymentStatus.REFUNDED})


def _part_in(payment_id: UUID, stream: StreamHistory) -> _Part | None:
    """Return the payment of one booking, as it was last, though a later payment may have followed."""
    found: _Part | None = None
    for event, booking in steps(stream.events):
        payment = booking.payment if isinstance(booking, Booking) else None
        if payment is None or payment.id != payment_id:
            continue
        time = event.recorded_at
        if found is None:
            user_id = stream.people.name_token(booking.user_id)
            found = _Part(booking, user_id, payment, time, time)
        elif payment != found.payment:
            found.payment, found.updated_at = payment, time
    return found
