"""Event streams together with the people that their events name."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from database.connection import Connection
from database.head import QueryResult
from ledger.log import RecordedEvent, read_streams
from ledger.people import People, find_people_in


class StreamHistory(NamedTuple):
    """All events of one flight, booking or waiting party in version order, and the people in them."""

    events: list[RecordedEvent]
    people: People


async def find_all(connection: Connection, ids: Sequence[UUID]) -> QueryResult[dict[UUID, StreamHistory]]:
    """Find at least one stream by id; unknown ids are left out."""
    position, streams = await read_streams(connection, ids)
    people = await find_people_in(connection, [event for events in streams.values() for event in events])
    return QueryResult(position, {id: StreamHistory(events, people) for id, events in streams.items()})


async def find(connection: Connection, id: UUID) -> QueryResult[StreamHistory | None]:
    position, found = await find_all(connection, [id])
    return QueryResult(position, found.get(id))
