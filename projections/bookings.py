"""Bookings: one row each, the queries on them, and the upsert that keeps them equal to the log."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult
from database.person_tokens import own_tokens_sql, token_sql
from database.select_list import SelectList
from database.table import KeyedTable, TableColumn
from domain.booking import Booking
from domain.booking_state import Status
from domain.cancellation_policy import CancellationPolicy
from domain.money import Money
from domain.passengers import Passenger, Travel
from domain.payments import Capture, PaymentStatus
from domain.schedule import ScheduleChange
from projections.flights import FlightRow
from projections.references import REFERENCE
from projections.refunds import RefundRow

TABLE: KeyedTable[Booking] = KeyedTable(
    "bookings",
    [
        TableColumn("id", "uuid", fixed=True),
        TableColumn("flight_id", "uuid"),
        TableColumn("user_id", "text", fixed=True),
        TableColumn("seats", "int2"),
        TableColumn("cost_amount", "int8", "total_cost.amount"),
        TableColumn("cost_currency", "text", "total_cost.currency", fixed=True),
        TableColumn("status", "text", "status.value"),
        TableColumn("cancel_reason", "text", "cancel_reason.value", nullable=True),
        TableColumn("expires_at", "timestamptz"),
        TableColumn("held_until", "timestamptz", nullable=True),
        TableColumn("payment_id", "uuid", "payment.id", nullable=True),
        TableColumn("payment_status", "text", "payment.status.value", nullable=True),
        TableColumn("version", "int4"),
        TableColumn("created_at", "timestamptz", "created_on", fixed=True),
        TableColumn("updated_at", "timestamptz", "modified_on"),
        TableColumn("gateway_task", "text", "payment.task.value", nullable=True),
        TableColumn("itinerary_id", "uuid", nullable=True, fixed=True),
        TableColumn("travel", "text", "travel.value", nullable=True),
        TableColumn("schedule_change", "text", "schedule_change.json", nullable=True),
        TableColumn("cost_parts", "text", "total_cost.parts_text", nullable=True),
        TableColumn("cancellation_policy", "text", "cancellation_policy.text", nullable=True, fixed=True),
        TableColumn("passengers", "text", "passengers_json", nullable=True),
        TableColumn("split_from", "uuid", nullable=True, fixed=True),
    ],
)
upsert = TABLE.upsert

_PRICE_TERMS = ("cost_parts", "cancellation_policy")
"""Columns that a booking has from the start, or never: null without parts and without a policy."""

_PLAIN: KeyedTable[Booking] = KeyedTable(
    TABLE.name, [column for column in TABLE.columns if column.name not in _PRICE_TERMS]
)


def table_for(bookings: Iterable[Booking]) -> KeyedTable[Booking]:
    """Return the table that writes these bookings. Columns that no row needs would cost every block time."""
    for booking in bookings:
        if booking.cancellation_policy is not None or booking.total_cost.parts is not None:
            return TABLE
    return _PLAIN


class BookingPayment(msgspec.Struct, frozen=True):
    """The latest payment of a booking. `capture_before` is when a pending payment lapses; else null.

    With `expand=payment` it has the other fields of `GET /payments/{id}`, too.
    """

    payment_id: UUID
    status: PaymentStatus
    capture_before: datetime | None = None
    amount: Money | UnsetType = UNSET
    capture: Capture | UnsetType = UNSET
    gateway: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    booking_ids: list[UUID] | UnsetType = UNSET
    created_at: datetime | UnsetType = UNSET
    updated_at: datetime | UnsetType = UNSET


class BookingRow(msgspec.Struct, frozen=True, gc=False):
    """One booking. Times are UTC; `travel` is recorded after the departure.

    `schedule_change` awaits an answer. The parts of `total_cost` and the `cancellation_policy` are those of
    the flight when the booking was made. `flight` and `refunds` come with `expand` alone.
    """

    # In the form that callers get, but with a token as `user_id` (see `database.person_tokens`).

    id: UUID
    reference: str
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
    itinerary_id: UUID | None = None
    travel: Travel | None = None
    schedule_change: ScheduleChange | None = None
    cancellation_policy: CancellationPolicy | UnsetType = UNSET
    passengers: list[Passenger] = []
    split_from: UUID | None = None
    flight: FlightRow | UnsetType = UNSET
    refunds: list[RefundRow] | UnsetType = UNSET

    @classmethod
    def of(cls, booking: Booking) -> Self:
        """Return the row of an aggregate, with the pseudonym as `user_id`."""
        latest = booking.payment
        return cls(
            booking.id,
            booking.reference,
            booking.flight_id,
            booking.user_id,
            booking.seats,
            booking.total_cost,
            booking.status,
            booking.expires_at,
            booking.version,
            booking.created_on,
            booking.modified_on,
            BookingPayment(latest.id, latest.status, latest.capture_before) if latest else None,
            booking.itinerary_id,
            booking.travel,
            booking.schedule_change,
            booking.cancellation_policy or UNSET,
            booking.passengers,
            booking.split_from,
        )


SELECT = SelectList(
    BookingRow,
    "b",
    reference=REFERENCE,
    user_id=token_sql("b.user_id"),
    total_cost=("b.cost_amount", "b.cost_currency", "b.cost_parts"),
    passengers=own_tokens_sql("b.passengers", "b.user_id"),
    payment=(
        "b.payment_id",
        "b.payment_status",
        "case b.status when 'pending' then b.held_until end",
    ),
    flight=None,
    refunds=None,
)
_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {SELECT.sql} from head left join bookings as b on b.id = any ({ID_ARRAY})
"""


async def find(connection: Connection, booking_id: UUID) -> QueryResult[BookingRow | None]:
    position, found = await find_all(connection, [booking_id])
    return QueryResult(position, found.get(booking_id))


async def find_all(connection: Connection, ids: Sequence[UUID]) -> QueryResult[dict[UUID, BookingRow]]:
    """Find at least one booking by id; unknown ids are left out."""
    position, bookings = await SELECT.fetch(connection, _FIND, (ids,))
    return QueryResult(position, {booking.id: booking for booking in bookings})
