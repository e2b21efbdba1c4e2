"""Seats free at this instant: an expired hold counts as available, whether or not anybody tidied it away."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from projections.head import WITH_HEAD, Seen, rows


class Availability(msgspec.Struct, frozen=True, gc=False):
    """seats = held + booked + available, always."""

    flight_id: UUID
    seats: int
    held: int
    booked: int
    available: int


DUE: LiteralString = """(
    select coalesce(sum(due.seats), 0) from views.bookings as due
    where due.flight_id = s.flight_id and due.held_until <= (select now from head)
)"""
"""Seats of `s`, a row of ledger.seats, that are still written as held though their holds have run out."""

_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, s.seats, s.held - {DUE}, s.booked
    from head left join ledger.seats as s on s.flight_id = %b
"""


async def find(connection: AsyncConnection[Any], flight_id: UUID) -> Seen[Availability | None]:
    ((position, seats, held, booked),) = await rows(connection, _FIND, (flight_id,))
    if seats is None:
        return Seen(position, None)
    return Seen(position, Availability(flight_id, seats, held, booked, seats - held - booked))
