"""Free seats of flights at this instant; a hold that has run out counts as available, swept or not."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import msgspec

from database.connection import Connection
from database.head import ID_ARRAY, WITH_HEAD, QueryResult, rows


class Availability(msgspec.Struct, frozen=True, gc=False):
    """seats + overbooking = held + booked + available, always. `seats` are those of the aircraft."""

    flight_id: UUID
    seats: int
    held: int
    booked: int
    available: int
    overbooking: int = 0


DUE: LiteralString = """(
    select coalesce(sum(due.seats), 0) from bookings as due
    where due.flight_id = s.flight_id and due.held_until <= (select now from head)
)"""
"""Seats that `s`, a row of ledger.seats, still counts as held although their holds have run out."""

_FIND: LiteralString = f"""
    {WITH_HEAD}
    select head.position, s.flight_id, s.seats, s.held - {DUE}, s.booked, s.overbooking
    from head left join seats as s on s.flight_id = any ({ID_ARRAY})
"""


async def find(connection: Connection, flight_id: UUID) -> QueryResult[Availability | None]:
    position, found = await find_all(connection, [flight_id])
    return QueryResult(position, found.get(flight_id))


async def find_all(connection: Connection, ids: Sequence[UUID]) -> QueryResult[dict[UUID, Availability]]:
    """Find the availability of at least one flight; unknown flights are left out."""
    found = await rows(connection, _FIND, (ids,))
    return QueryResult(
        found[0][0],
        {
            id: Availability(id, seats, held, booked, seats + overbooking - held - booked, overbooking)
            for _, id, seats, held, booked, overbooking in found
            if id is not None
        },
    )
