"""Histories of itineraries: the events of all bookings of one itinerary, by position."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import Iterable, Iterator
from typing import Any, LiteralString
from uuid import UUID

from database.connection import Connection
from database.head import WITH_HEAD, QueryResult, rows
from domain.booking import Booking
from domain.itinerary import Itinerary
from ledger.histories import StreamHistory
from ledger.log import EVENTS, RecordedEvent
from ledger.people import find_people_in


async def read_itinerary(connection: Connection, itinerary_id: UUID) -> QueryResult[list[RecordedEvent]]:
    """Return the events of all bookings of an itinerary in log order; none for an unknown id."""
    found = await rows(connection, _EVENTS, (itinerary_id,))
    return QueryResult(found[0][0], [RecordedEvent(*row[1:]) for row in found if row[1] is not None])


async def find_history(connection: Connection, itinerary_id: UUID) -> QueryResult[StreamHistory | None]:
    """Return these events and the people in them; None for an unknown id."""
    position, events = await read_itinerary(connection, itinerary_id)
    people = await find_people_in(connection, events)
    return QueryResult(position, StreamHistory(events, people) if events else None)


def itinerary_steps(
    itinerary_id: UUID, events: Iterable[RecordedEvent]
) -> Iterator[tuple[RecordedEvent, Booking, Itinerary]]:
    """Yield each event with its booking and the itinerary right after it."""
    bookings: dict[UUID, Any] = {}
    for event in events:
        booking = event.apply_to(bookings.get(event.originator_id))
        bookings[event.originator_id] = booking
        yield event, booking, Itinerary(itinerary_id, bookings.values())


_EVENTS: LiteralString = f"""
    {WITH_HEAD}
    select head.position, {EVENTS.names_in("e")}
    from head left join events e on e.originator_id = any (
        array(select id from bookings where itinerary_id = %b))
    order by e.position
"""
