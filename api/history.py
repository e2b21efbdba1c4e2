"""A booking's past: its events, and what it was at any moment."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.booking import Booking, Status
from ledger.log import RecordedEvent, fold, steps, stream
from projections.bookings import BookingRow
from projections.head import Seen, snapshot


class HistoryEvent(msgspec.Struct, frozen=True):
    """`type` names what happened, `data` holds its facts, `status_after` is the booking's right after it."""

    position: int
    version: int
    type: str
    recorded_at: datetime
    actor: str
    causation_id: str
    correlation_id: str
    data: msgspec.Raw
    status_after: Status
    hash: str


class History(msgspec.Struct, frozen=True):
    booking_id: UUID
    events: list[HistoryEvent]


async def of_booking(connection: AsyncConnection[Any], booking_id: UUID) -> Seen[tuple[str, History] | None]:
    """The booking's user and its history in version order."""
    async with snapshot(connection) as position:
        recorded = await stream(connection, booking_id)
    booking: Any = None
    events = []
    for event, booking in steps(recorded):
        if not isinstance(booking, Booking):
            return Seen(position, None)
        events.append(_shown(event, booking))
    return Seen(position, (booking.user_id, History(booking_id, events)) if events else None)


async def then(
    connection: AsyncConnection[Any], booking_id: UUID, includes: Callable[[RecordedEvent], bool]
) -> Seen[BookingRow | None]:
    """The booking as it was when only the events that `includes` accepts had happened."""
    async with snapshot(connection) as position:
        recorded = await stream(connection, booking_id)
    booking = fold([event for event in recorded if includes(event)])
    return Seen(position, BookingRow.of(booking) if isinstance(booking, Booking) else None)


def _shown(event: RecordedEvent, booking: Booking) -> HistoryEvent:
    return HistoryEvent(
        event.position,
        event.originator_version,
        event.topic,
        event.recorded_at,
        event.actor,
        event.causation_id,
        event.correlation_id,
        msgspec.Raw(event.state.encode()),
        booking.status,
        event.hash.hex(),
    )
