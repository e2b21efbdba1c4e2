"""Example bodies about the log and the program in the OpenAPI document."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from api.http.problem_examples import BOOKING, FLIGHT, ITINERARY, REQUEST_ID
from api.http.queries import Page
from api.resources.audit import Head
from api.resources.event_pages import LoggedEvent
from api.resources.history import BookingHistory, BookingHistoryEvent
from api.resources.itinerary_history import ItineraryHistory, ItineraryHistoryEvent
from api.resources.operations import Info, Live, Ready
from api.resources.proofs import Proof, ProvedEvent
from api.resources.seat_takers import SeatTaker, SeatTakers
from audit.proofs.checkpoint import Checkpoint
from database.readiness import Check
from domain.booking_state import Status
from domain.flight import FlightStatus
from ledger.outcomes import Outcome
from runtime import VERSION

_RECORDED_AT = datetime(2030, 4, 1, 9, 30, tzinfo=UTC)
_HELD_UNTIL = datetime(2030, 4, 1, 9, 35, tzinfo=UTC)
_HASH, _COMMAND_HASH, _ROOT = "9f" * 32, "3a" * 32, "c4" * 32
_KEY = "order-4711-1"
_STATE: dict[str, Any] = {
    "flight_id": str(FLIGHT),
    "user_id": "alice",
    "seats": 2,
    "total_cost": {"amount": 900000, "currency": "INR"},
    "expires_at": "2030-04-01T09:35:00Z",
}
_RAW = msgspec.Raw(msgspec.json.encode(_STATE))

CHECKPOINT = Checkpoint(
    4711, _HASH, _ROOT, "2030-04-01T09:30:00.000000Z", "a1b2c3d4", "c2lnbmF0dXJlIG9mIHRoZSBjaGVja3BvaW50"
)
_EVENT = LoggedEvent(
    42,
    BOOKING,
    1,
    "booking.initiated",
    _RECORDED_AT,
    "alice",
    "initiate_booking",
    1,
    _KEY,
    REQUEST_ID,
    "",
    _RAW,
    _COMMAND_HASH,
    _HASH,
)
_IN_HISTORY: dict[str, Any] = {
    "position": 42,
    "version": 1,
    "type": "booking.initiated",
    "recorded_at": _RECORDED_AT,
    "actor": "alice",
    "causation_id": _KEY,
    "correlation_id": REQUEST_ID,
    "data": _RAW,
    "status_after": Status.INITIATED,
    "hash": _HASH,
}
_PROVED = ProvedEvent(
    42,
    str(BOOKING),
    1,
    "booking.initiated",
    msgspec.json.encode(_STATE).decode(),
    "alice",
    "initiate_booking",
    1,
    _KEY,
    REQUEST_ID,
    "",
    1901266200000000,
    _COMMAND_HASH,
    [_ROOT],
)

AUDIT_EXAMPLES: dict[Any, Any] = {
    Page[LoggedEvent]: Page([_EVENT], None),
    Head: Head(4711, _HASH, _RECORDED_AT),
    BookingHistory: BookingHistory(BOOKING, "VHRN26", [BookingHistoryEvent(**_IN_HISTORY)]),
    ItineraryHistory: ItineraryHistory(
        ITINERARY,
        [
            ItineraryHistoryEvent(
                **_IN_HISTORY,
                booking_id=BOOKING,
                itinerary_version=1,
                itinerary_status_after=Status.INITIATED,
            )
        ],
    ),
    Checkpoint: CHECKPOINT,
    Proof: Proof("seatledger-proof/1", str(BOOKING), [_PROVED], CHECKPOINT),
    Outcome: Outcome("alice", "initiate_booking", _KEY, 201, _RAW, 42, 42, REQUEST_ID, _RECORDED_AT),
    SeatTakers: SeatTakers(
        FLIGHT,
        42,
        _RECORDED_AT,
        FlightStatus.SCHEDULED,
        3,
        2,
        0,
        1,
        2,
        False,
        None,
        [
            SeatTaker(
                BOOKING, "VHRN26", 42, "booking.initiated", _RECORDED_AT, 2, Status.INITIATED, _HELD_UNTIL
            )
        ],
        0,
    ),
    Info: Info("seatledger", VERSION, "ok", "v1", 4711),
    Live: Live(),
    Ready: Ready("ok", 4711, [Check("database", True, "")]),
}
