"""Seats free at this instant: an expired hold counts as available, whether or not anybody tidied it away."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from database.head import ASKED, WITH_HEAD, Seen, rows


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
    select head.position, s.flight_id, s.seats, s.held - {DUE}, s.booked
    from head left join ledger.seats as s on s.flight_id = any ({ASKED})
"""


async def find(connection: AsyncConnection[Any], flight_id: UUID) -> Seen[Availability | None]:
    position, found = await find_all(connection, [flight_id])
    return Seen(position, found.get(flight_id))


async def find_all(connection: AsyncConnection[Any], ids: Sequence[UUID]) -> Seen[dict[UUID, Availability]]:
    """Of those flights that there are, of at least one id."""
    found = await rows(connection, _FIND, (ids,))
    return Seen(
        found[0][0],
        {
            id: Availability(id, seats, held, booked, seats - held - booked)
            for _, id, seats, held, booked in found
            if id is not None
        },
    )
