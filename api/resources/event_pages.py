"""Events of the log in responses, and pages of them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from database.connection import Connection
from database.head import QueryResult, snapshot
from ledger import log
from ledger.ledger import Ledger
from ledger.log import EventPage, EventSearch, RecordedEvent
from ledger.people import NO_PEOPLE, People, find_people_in, pseudonyms_of

Livemode = (
    Annotated[bool, Meta(description="`false` in a sandbox; a live event has no such member")] | UnsetType
)


class LoggedEvent(msgspec.Struct, frozen=True):
    """One event with every field that its `hash` covers.

    With `sealed=true` the fields are exactly as hashed. Otherwise names replace pseudonyms, and free text is
    decrypted.
    """

    position: int
    originator_id: UUID
    version: int
    type: str
    recorded_at: datetime
    actor: str
    operation: str
    ordinal: int
    causation_id: str
    correlation_id: str
    traceparent: str
    data: msgspec.Raw
    command_hash: str
    hash: str
    livemode: Livemode = UNSET

    @classmethod
    def of(cls, event: RecordedEvent, people: People, livemode: Livemode = UNSET) -> "LoggedEvent":
        return cls(
            event.position,
            event.originator_id,
            event.originator_version,
            event.topic,
            event.recorded_at,
            people.name_token(event.actor),
            event.operation,
            event.ordinal,
            event.causation_id,
            event.correlation_id,
            event.traceparent,
            msgspec.Raw(people.tokenise(event.state.encode(), event.originator_id)),
            event.command_hash.hex(),
            event.hash.hex(),
            livemode,
        )


async def read_event_page(
    connection: Connection, ledger: Ledger, search: EventSearch, after: int, limit: int, sealed: bool
) -> QueryResult[EventPage[LoggedEvent]]:
    """Read at most `limit` events after a position, and the head.

    Personal data is replaced by tokens unless `sealed`. The owner in `search` is a name.
    """
    async with snapshot(connection) as head:
        if search.owner is not None:
            # For each page, because a new user has a pseudonym from the first booking on.
            pseudonyms = await pseudonyms_of(connection, ledger.keyring, [search.owner])
            search = replace(search, owner=pseudonyms[search.owner])
        events, upto = await log.page(connection, search, after, limit, head)
        people = NO_PEOPLE if sealed else await find_people_in(connection, events)
    return QueryResult(
        head, EventPage([LoggedEvent.of(event, people, ledger.livemode) for event in events], upto)
    )
