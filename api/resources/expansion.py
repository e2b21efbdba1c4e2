"""Bookings with the flight, the payment and the refunds that belong to them, in one answer."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Annotated
from uuid import UUID

from msgspec import Meta
from msgspec.structs import asdict, replace

from api.http.queries import Connection
from database.head import QueryResult, Rows, snapshot, stop_of
from domain.airports import Airports
from ledger import payments
from ledger.payments import PaymentRow
from projections import flights, refunds
from projections.bookings import BookingRow
from projections.refunds import RefundRow


class Expandable(Enum):
    FLIGHT = "flight"
    PAYMENT = "payment"
    REFUNDS = "refunds"


Expand = Annotated[
    tuple[Expandable, ...],
    Meta(min_length=1, max_length=3, description="Parts to add to each booking, separated by commas"),
]


async def read_expanded(
    connection: Connection,
    select: Callable[[], Awaitable[QueryResult[list[BookingRow]]]],
    parts: Sequence[Expandable],
    airports: Airports,
) -> QueryResult[list[BookingRow]]:
    """Return the bookings with their parts, all at one position."""
    async with snapshot(connection):
        position, rows = await select()
        expanded = Rows(await _expand(connection, rows, parts, airports) if rows else [])
    expanded.upto = stop_of(rows)
    return QueryResult(position, expanded)


async def _expand(
    connection: Connection, rows: list[BookingRow], parts: Sequence[Expandable], airports: Airports
) -> list[BookingRow]:
    if Expandable.FLIGHT in parts:
        found = (await flights.find_all(connection, list({row.flight_id for row in rows}))).value
        local = {id: flight.at_airports(airports) for id, flight in found.items()}
        rows = [replace(row, flight=local[row.flight_id]) for row in rows]
    if Expandable.REFUNDS in parts:
        due: dict[UUID, list[RefundRow]] = {row.id: [] for row in rows}
        for refund in await refunds.find_of_bookings(connection, list(due)):
            due[refund.booking_id].append(refund)
        rows = [replace(row, refunds=due[row.id]) for row in rows]
    if Expandable.PAYMENT in parts:
        paid = await payments.find_latest(connection, [row.payment.payment_id for row in rows if row.payment])
        rows = [_with_payment(row, paid) for row in rows]
    return rows


def _with_payment(row: BookingRow, paid: dict[UUID, PaymentRow]) -> BookingRow:
    if row.payment is None:
        return row
    full = asdict(paid[row.payment.payment_id])
    more = {name: full[name] for name in _OF_PAYMENT}
    return replace(row, payment=replace(row.payment, **more))


_OF_PAYMENT = ("amount", "capture", "gateway", "reason", "booking_ids", "created_at", "updated_at")
