"""A booking's past: its events, and what it was at any moment."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.http.parameters import ReadQuery
from domain.booking import Booking, Status
from ledger.histories import StreamHistory
from ledger.log import RecordedEvent, fold, steps
from ledger.people import Known
from projections.bookings import BookingRow

AtPosition = Annotated[int, Meta(ge=1, le=2**63 - 1, description="Right after this event")]
AsOf = Annotated[datetime, Meta(tz=True, description="At that time")]


class BookingStateQuery(ReadQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At most one of `version`, `position`, `as_of`: which state of the booking is meant."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    position: AtPosition | UnsetType = UNSET
    as_of: AsOf | UnsetType = UNSET

    def __post_init__(self) -> None:
        if sum(value is not UNSET for value in (self.version, self.position, self.as_of)) > 1:
            raise ValueError("Give only one of version, position and as_of")

    @property
    def is_now(self) -> bool:
        return self.version is UNSET and self.position is UNSET and self.as_of is UNSET

    def includes(self, event: RecordedEvent) -> bool:
        """Had this recorded event happened by then?"""
        if self.version is not UNSET:
            return event.originator_version <= self.version
        if self.position is not UNSET:
            return event.position <= self.position
        return self.as_of is UNSET or event.recorded_at <= self.as_of


class BookingHistoryEvent(msgspec.Struct, frozen=True):
    """`type` names what happened, `data` holds its facts, `status_after` is the booking's right after it."""

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
    booking_id: UUID
    events: list[BookingHistoryEvent]


def build_history(told: StreamHistory | None) -> tuple[str, BookingHistory] | None:
    """The booking's user and its history, people as tokens; None where the stream is no booking's."""
    if told is None:
        return None
    events = []
    booking: Any = None
    for event, booking in steps(told.events):
        if not isinstance(booking, Booking):
            return None
        events.append(_shown(event, booking, told.people))
    return told.people.shown(booking.user_id), BookingHistory(booking.id, events)


def state_at(told: StreamHistory | None, moment: BookingStateQuery) -> BookingRow | None:
    """The booking as it was at that moment; None before it existed, and for a version that never was."""
    if told is None:
        return None
    booking = fold([event for event in told.events if moment.includes(event)])
    if not isinstance(booking, Booking) or (moment.version is not UNSET and booking.version < moment.version):
        return None
    row = BookingRow.of(booking)
    return msgspec.structs.replace(row, user_id=told.people.shown(row.user_id))


def _shown(event: RecordedEvent, booking: Booking, people: Known) -> BookingHistoryEvent:
    return BookingHistoryEvent(
        event.position,
        event.originator_version,
        event.topic,
        event.recorded_at,
        people.shown(event.actor),
        event.causation_id,
        event.correlation_id,
        msgspec.Raw(people.marked(event.state.encode(), event.originator_id)),
        booking.status,
        event.hash.hex(),
    )
