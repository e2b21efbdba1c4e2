"""The checker on a flight that gets other times: each booking is told, of the right times, in time."""

from typing import Any

import pytest

from tests.trials.checker.samples import BOOKING, FLIGHT, PLAN, at
from tests.trials.checker.test_checker import BookingHistory

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
