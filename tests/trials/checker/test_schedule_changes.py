"""The checker on a flight that gets other times: each booking is told, of the right times, in time."""

from typing import Any
from uuid import UUID

import pytest

from tests.trials.checker.samples import BOOKING, FLIGHT, PLAN, at
from tests.trials.checker.test_checker import BookingHistory
from trials.checker.answers import check_events
from trials.checker.history import EXACT, History
from trials.checker.log import Event, Log

WAS = {"departs_at": "2031-01-01T12:00:00Z", "arrives_at": "2031-01-01T20:00:00Z"}
NOW = {"departs_at": "2031-01-01T14:00:00Z", "arrives_at": "2031-01-01T22:00:00Z"}
RETIMED = {"was": WAS, "now": NOW, "departure_day": "2031-01-01", "reason": "fog"}
CHANGED = {
    "was": WAS,
    "now": NOW,
    "accept_before": "2030-01-08T12:00:08Z",
    "expires_at": at(12),
    "capture_before": None,
}


def retimed(flight: Any = RETIMED, booking: Any = CHANGED) -> BookingHistory:
    """Return a history of a paid booking whose flight gets other times at second 8."""
    history = BookingHistory()
    history.event(FLIGHT, 2, "flight.retimed", flight, "retime_flight", 8)
    if booking:
        history.event(BOOKING, 4, "booking.schedule_changed", booking, "retime_flight", 8)
    row = {"id": str(FLIGHT), **PLAN, **NOW, "status": "scheduled", "version": 2, "departed_at": None}
    row |= {"overbooking": 0, "departure_day": RETIMED["departure_day"]}
    request = NOW | {"reason": "fog"}
    positions = (5, len(history.events))
    history.answer("retime_flight", 8, 200, row, positions, f"/flights/{FLIGHT}/times", request)
    for one in (history.calls[-1], history.outcomes[-1]):
        one["actor" if "actor" in one else "who"] = "alice"
    history.calls[-1]["role"] = "operator"
    return history


def test_an_honest_change_has_no_violation() -> None:
    assert retimed().violations() == []


@pytest.mark.parametrize(
    ("booking", "sentence"),
    [
        (None, "are not told of the new times"),
        (CHANGED | {"was": NOW}, "the times"),
        (CHANGED | {"now": WAS}, "the times"),
        (CHANGED | {"accept_before": None}, "an answer is due by None"),
    ],
)
def test_a_booking_that_is_told_wrongly_is_found(booking: Any, sentence: str) -> None:
    assert any(sentence in one for one in retimed(booking=booking).violations())


def test_new_times_that_the_flight_did_not_leave_are_found() -> None:
    wrong = RETIMED | {"was": NOW}
    assert any("the flight had the times" in one for one in retimed(wrong).violations())


def test_a_change_that_was_never_asked_about_is_not_accepted() -> None:
    history = BookingHistory()
    history.event(BOOKING, 4, "booking.schedule_accepted", {}, "accept_change", 8)
    assert any("nobody asked about" in one for one in history.violations())


def test_an_acceptance_without_a_change_is_refused() -> None:
    history = BookingHistory()
    path, body = f"/bookings/{BOOKING}/accept-change", {"code": "no-schedule-change"}
    history.answer("accept_change", 8, 409, body, (None, 4), path, {})
    assert history.violations() == []


OTHER = UUID(int=8)
LATER = {**PLAN, **NOW, "number": "BA119", "seats": 2}
MOVED = CHANGED | {"from_flight_id": str(FLIGHT), "flight_id": str(OTHER)}


def moved(booking: Any = MOVED, flight: Any = LATER) -> BookingHistory:
    """Return a history of a paid booking of two seats that is moved to another flight at second 8."""
    history = BookingHistory()
    state = flight | {"departure_day": "2031-01-01"}
    history.event(OTHER, 1, "flight.scheduled", state, "schedule_other", 7)
    history.event(BOOKING, 4, "booking.moved", booking, "move_booking", 8)
    return history


def events_only(history: BookingHistory) -> list[str]:
    """Return what is wrong with the events, apart from commands that this history does not tell of."""
    log = Log([Event(**event) for event in history.events], [])
    return list(check_events(History.of([], log, EXACT, False)))


def test_an_honest_move_has_no_violation() -> None:
    assert events_only(moved()) == []


@pytest.mark.parametrize(
    ("booking", "flight", "sentence"),
    [
        (MOVED, LATER | {"seats": 1}, "is oversold by 1"),
        (MOVED | {"from_flight_id": str(OTHER)}, LATER, "it was elsewhere"),
        (MOVED | {"accept_before": None}, LATER, "an answer is due by None"),
        (MOVED, LATER | {"price": {"amount": 1, "currency": "USD"}}, "in another currency"),
        (MOVED, LATER | {"departs_at": at(6)}, "moved to a closed flight"),
    ],
)
def test_a_wrong_move_is_found(booking: Any, flight: Any, sentence: str) -> None:
    assert any(sentence in one for one in events_only(moved(booking, flight)))


def test_another_route_must_be_asked_about() -> None:
    same_times = LATER | WAS | {"destination": "EWR"}
    unasked = MOVED | {"now": WAS, "accept_before": None}
    assert any("an answer is due" in one for one in events_only(moved(unasked, same_times)))
