"""History of a booking: its events, and its state at a version, position or time."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.http.parameters import ReadQuery
from api.resources.expansion import Expand
from domain.booking import Booking
from domain.booking_state import Status
from domain.passengers import with_texts
from ledger.histories import StreamHistory
from ledger.log import RecordedEvent, fold, steps
from ledger.people import People
from projections.bookings import BookingRow

AtPosition = Annotated[
    int, Meta(ge=1, le=2**63 - 1, description="State right after the event at this position")
]
AsOf = Annotated[datetime, Meta(tz=True, description="State at this time")]


class BookingStateQuery(ReadQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a booking: at most one of `version`, `position` and `as_of`. Default: now."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    position: AtPosition | UnsetType = UNSET
    as_of: AsOf | UnsetType = UNSET
    expand: Expand | UnsetType = UNSET

    def __post_init__(self) -> None:
        if sum(value is not UNSET for value in (self.version, self.position, self.as_of)) > 1:
            raise ValueError("Send only one of version, position and as_of")
        if self.expand is not UNSET and not self.is_now:
            raise ValueError("Send expand without version, position and as_of: parts are of now")

    @property
    def is_now(self) -> bool:
        return self.version is UNSET and self.position is UNSET and self.as_of is UNSET

    def includes(self, event: RecordedEvent) -> bool:
        """Return true if the state includes this event."""
        if self.version is not UNSET:
            return event.originator_version <= self.version
        if self.position is not UNSET:
            return event.position <= self.position
        return self.as_of is UNSET or event.recorded_at <= self.as_of


class BookingHistoryEvent(msgspec.Struct, frozen=True):
    """One event of a booking. `status_after` is the booking's status right after the event."""

    position: int
    version: int
    type: str
    recorded_at: datetime
    actor: str
    causation_id: str
    correlation_id: str
    data: msgspec.Raw
    status_after: Status
    hash: str


class BookingHistory(msgspec.Struct, frozen=True):
    """The events of a booking in version order."""

    booking_id: UUID
    reference: str
    events: list[BookingHistoryEvent]


def build_history(stream: StreamHistory | None) -> tuple[str, BookingHistory] | None:
    """Return the booking's user and history, with tokens, or None if the stream is not a booking."""
    if stream is None:
        return None
    events = []
    booking: Any = None
    for event, booking in steps(stream.events):
        if not isinstance(booking, Booking):
            return None
        events.append(history_event(event, booking, stream.people))
    return stream.people.name_token(booking.user_id), BookingHistory(booking.id, booking.reference, events)


def state_at(stream: StreamHistory | None, query: BookingStateQuery) -> BookingRow | None:
    """Return the booking in the requested state, or None if it did not exist then."""
    if stream is None:
        return None
    booking = fold([event for event in stream.events if query.includes(event)])
    if not isinstance(booking, Booking) or (query.version is not UNSET and booking.version < query.version):
        return None
    row, token = BookingRow.of(booking), partial(stream.people.text_token, booking.id)
    return msgspec.structs.replace(
        row,
        user_id=stream.people.name_token(row.user_id),
        passengers=[with_texts(passenger, token) for passenger in row.passengers],
    )


def history_event(event: RecordedEvent, booking: Booking, people: People) -> BookingHistoryEvent:
    return BookingHistoryEvent(
        event.position,
        event.originator_version,
        event.topic,
        event.recorded_at,
        people.name_token(event.actor),
        event.causation_id,
        event.correlation_id,
        msgspec.Raw(people.tokenise(event.state.encode(), event.originator_id)),
        booking.status,
        event.hash.hex(),
    )
