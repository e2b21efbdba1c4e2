"""Past availability of a flight, computed by folding the log up to a position or time."""

from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType
from psycopg import AsyncConnection

from api.http.parameters import ReadQuery
from api.resources.history import AsOf, AtPosition
from database.head import QueryResult, position, snapshot
from domain.flight import Flight
from domain.seats import Seats, SeatUse
from ledger.log import find_position_at, on_flight, read_live_events
from projections.availability import Availability


class AvailabilityQuery(ReadQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of availability: at most one of `position` and `as_of`. Default: now."""

    position: AtPosition | UnsetType = UNSET
    as_of: AsOf | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.position is not UNSET and self.as_of is not UNSET:
            raise ValueError("Send only one of position and as_of")

    @property
    def is_now(self) -> bool:
        return self.position is UNSET and self.as_of is UNSET


async def at(
    connection: AsyncConnection[Any], flight_id: UUID, instant: AvailabilityQuery
) -> QueryResult[Availability | None]:
    """Return the availability at a position or time, or None before the flight was scheduled.

    A hold that had expired by then counts as available; for a position, the time is that of its event.
    The position and the time lie in the past.
    """
    async with snapshot(connection):
        reached = await position(connection)
        until = reached if instant.position is UNSET else instant.position
        if instant.as_of is not UNSET:
            until = await find_position_at(connection, instant.as_of)
        recorded_at, events = await read_live_events(connection, flight_id, until)
    time = recorded_at if instant.as_of is UNSET else instant.as_of
    streams: dict[UUID, Any] = {}
    for event in events:
        streams[event.originator_id] = event.apply_to(streams.get(event.originator_id))
    flight = streams.pop(flight_id, None)
    if not isinstance(flight, Flight):
        return QueryResult(reached, None)
    count = Seats(flight.seats, overbooking=flight.overbooking)
    for booking in on_flight(streams, flight_id):
        if not booking.hold_is_due(time):
            use = SeatUse.of(booking)
            count.held, count.booked = count.held + use.held, count.booked + use.booked
    seats = Availability(flight_id, count.seats, count.held, count.booked, count.free, count.overbooking)
    return QueryResult(reached, seats)
