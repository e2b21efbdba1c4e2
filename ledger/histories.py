"""Streams with the people in them, for as many ids as are asked for."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from database.head import Seen
from ledger.log import RecordedEvent, seen_streams
from ledger.people import Known, known_of


class Told(NamedTuple):
    """All events of one flight, booking or waiting party in version order, and whom they name."""

    events: list[RecordedEvent]
    people: Known


async def find_all(connection: AsyncConnection[Any], ids: Sequence[UUID]) -> Seen[dict[UUID, Told]]:
    """Those that there are of at least one id."""
    position, streams = await seen_streams(connection, ids)
    people = await known_of(connection, [event for events in streams.values() for event in events])
    return Seen(position, {id: Told(events, people) for id, events in streams.items()})


async def find(connection: AsyncConnection[Any], id: UUID) -> Seen[Told | None]:
    position, found = await find_all(connection, [id])
    return Seen(position, found.get(id))
