"""History of an itinerary: the events of all its bookings, by position."""

from typing import Any
from uuid import UUID

import msgspec

from api.resources.history import BookingHistoryEvent, history_event
from domain.booking_state import Status
from ledger.histories import StreamHistory
from ledger.itineraries import itinerary_steps


class ItineraryHistoryEvent(BookingHistoryEvent, frozen=True):
    """One event of a booking of the itinerary. `version` and `status_after` are those of the booking.

    `itinerary_version` and `itinerary_status_after` are those of the itinerary right after the event.
    """

    booking_id: UUID
    itinerary_version: int
    itinerary_status_after: Status


class ItineraryHistory(msgspec.Struct, frozen=True):
    """The events of all bookings of an itinerary, by position."""

    itinerary_id: UUID
    events: list[ItineraryHistoryEvent]


def build_history(itinerary_id: UUID, stream: StreamHistory | None) -> tuple[str, ItineraryHistory] | None:
    """Return the user and the history of the itinerary, with tokens, or None for an unknown itinerary."""
    if stream is None:
        return None
    events, user = [], ""
    for event, booking, itinerary in itinerary_steps(itinerary_id, stream.events):
        fields: dict[str, Any] = msgspec.structs.asdict(history_event(event, booking, stream.people))
        fields |= {"itinerary_version": itinerary.version, "itinerary_status_after": itinerary.status}
        events.append(ItineraryHistoryEvent(**fields, booking_id=booking.id))
        user = booking.user_id
    return stream.people.name_token(user), ItineraryHistory(itinerary_id, events)
