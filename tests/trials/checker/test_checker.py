"""The checker on histories of one booking: silent about the honest one, and loud about each forged one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.trials.checker.samples import BOOKING, COST, FLIGHT, PAYMENT, PLAN, START, at
from trials.checker import check
from trials.checker.calls import Call
from trials.checker.log import Event, Log, Outcome

PARTY = UUID(int=4)


@dataclass
class BookingHistory:
    """A flight of three seats at second 1, two of them booked at 2 (held until 12), paid for at 4."""

    events: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        flight = {"id": str(FLIGHT), **PLAN, "status": "scheduled", "version": 1, "departed_at": None}
        flight |= {"overbooking": 0, "departure_day": "2031-01-01"}
        flight |= {"departs_at_local": "2031-01-01T12:00:00+00:00"}
        flight |= {"arrives_at_local": "2031-01-01T15:00:00-05:00"}
        self.event(
            FLIGHT, 1, "flight.scheduled", PLAN | {"departure_day": "2031-01-01"}, "schedule_flight", 1
        )
        self.answer("schedule_flight", 1, 201, flight, (1, 1), "/flights", PLAN)
        fields = {"flight_id": str(FLIGHT), "user_id": "alice", "seats": 2}
        held = fields | {"total_cost": COST, "expires_at": at(12)}
        row = {"id": str(BOOKING), "reference": "VHRN26", **held, "created_at": at(2), "payment": None}
        row |= {"travel": None, "schedule_change": None, "passengers": [], "split_from": None}
        initiated = row | {"status": "initiated", "version": 1, "updated_at": at(2)}
        self.event(BOOKING, 1, "booking.initiated", held, "initiate_booking", 2)
        self.answer("initiate_booking", 2, 201, initiated, (2, 2), "/bookings", fields)
        paid = {"payment_id": str(PAYMENT)}
        pending = paid | {"amount": COST, "capture": "automatic"}
        self.event(BOOKING, 2, "booking.payment_pending", pending, "pay_booking", 4)
        self.event(BOOKING, 3, "booking.booked", paid, "pay_booking", 4)
        booked = row | {"status": "booked", "version": 3, "updated_at": at(4)}
        booked["payment"] = paid | {"status": "captured", "capture_before": None}
        request = {"booking_id": str(BOOKING), "user_id": "alice", "total_cost": COST}
        self.answer("pay_booking", 4, 201, paid | {"booking": booked}, (3, 4), "/bookings/payments", request)
        self.read(3, 2, held=2, booked=0)
        self.read(5, 4, held=0, booked=2)
        no = {"code": "not-enough-seats", "asked": 2, "free": 1}
        self.answer("initiate_booking", 6, 409, no, (None, 4), "/bookings", fields, key="refused")

    def event(
        self, subject: UUID, version: int, topic: str, state: Any, operation: str, second: float
    ) -> None:
        position = len(self.events) + 1
        command = {"actor": "alice", "operation": operation, "key": operation}
        when = START + timedelta(seconds=second)
        facts = {"subject": subject, "version": version, "topic": topic, "state": state}
        self.events.append({"position": position, **facts, **command, "recorded_at": when})

    def answer(
        self,
        operation: str,
        second: float,
        status: int,
        body: Any,
        positions: tuple[int | None, int],
        path: str,
        request: Any,
        key: str = "",
    ) -> None:
        text, key, (first, last) = json.dumps(body), key or operation, positions
        when = START + timedelta(seconds=second)
        places = {"first_position": first, "last_position": last, "recorded_at": when}
        command = {"operation": operation, "key": key, "status": status}
        self.outcomes.append({"actor": "alice", "body": text, **command, **places})
        facts = {"text": text, "position": last, "body": json.dumps(request)}
        self.calls.append({"who": "alice", "path": path, **command, **facts, **self._around(second)})

    def refuse_version(self, version: int | None) -> None:
        """Refuse a cancellation of the booking, which is at version 3, for its version."""
        text = json.dumps({"code": "stale-version", "version": 3})
        command = {"operation": "cancel_booking", "path": f"/bookings/{BOOKING}/cancel", "key": "stale"}
        facts = {"status": 412, "position": 4, "text": text, "version": version}
        self.calls.append({"who": "alice", **command, **facts, **self._around(7)})

    def read(self, second: float, position: int, held: int, booked: int) -> None:
        counts = {"seats": 3, "held": held, "booked": booked, "available": 3 - held - booked}
        counts["overbooking"] = 0
        text = json.dumps({"flight_id": str(FLIGHT), **counts})
        command = {"operation": "availability", "path": f"/flights/{FLIGHT}/availability"}
        facts = {"status": 200, "position": position, "text": text}
        self.calls.append({"who": "alice", **command, **facts, **self._around(second)})

    def wait(self, offered: UUID | None) -> None:
        """Let a party of two join at second 7, and read it at 8 as one with this offer."""
        fields = {"flight_id": str(FLIGHT), "user_id": "alice", "seats": 2}
        row = {"id": str(PARTY), **fields, "status": "waiting", "booking_id": None}
        self.event(PARTY, 1, "waiting.joined", fields, "join_waitlist", 7)
        request = {"user_id": "alice", "seats": 2}
        self.answer("join_waitlist", 7, 201, row, (5, 5), f"/flights/{FLIGHT}/waitlist", request)
        text = json.dumps(row | {"booking_id": offered and str(offered)})
        read = {"operation": "waiting_party", "path": f"/waitlist/{PARTY}", "text": text}
        self.calls.append({"who": "alice", **read, "status": 200, "position": 5, **self._around(8)})

    def violations(self) -> list[str]:
        log = Log([Event(**event) for event in self.events], [Outcome(**each) for each in self.outcomes])
        return check([Call(**call) for call in self.calls], log)

    @staticmethod
    def _around(second: float) -> dict[str, float]:
        return {"sent_at": START.timestamp() + second - 0.2, "ended_at": START.timestamp() + second + 0.2}


def test_an_honest_history_has_no_violation() -> None:
    assert BookingHistory().violations() == []


def test_a_waiting_party_reads_as_the_log_says() -> None:
    history = BookingHistory()
    history.wait(None)
    assert history.violations() == []


def test_an_offer_that_the_log_does_not_have_is_found() -> None:
    history = BookingHistory()
    history.wait(BOOKING)
    (violation,) = history.violations()
    assert "the fold says Party(" in violation


def test_a_refusal_for_a_stale_version_leaves_no_record() -> None:
    history = BookingHistory()
    history.refuse_version(1)
    assert history.violations() == []


def refuse_the_current_version(history: BookingHistory) -> None:
    history.refuse_version(3)


def refuse_a_version_that_was_not_named(history: BookingHistory) -> None:
    history.refuse_version(None)


def lose_the_payment(history: BookingHistory) -> None:
    del history.events[2:], history.outcomes[2]


def give_another_answer(history: BookingHistory) -> None:
    history.calls[1]["text"] = history.calls[1]["text"].replace("initiated", "booked")


def record_another_answer(history: BookingHistory) -> None:
    history.outcomes[1]["body"] = history.calls[1]["text"] = history.calls[1]["text"].replace("GBP", "EUR")


def give_another_reference(history: BookingHistory) -> None:
    history.outcomes[1]["body"] = history.calls[1]["text"] = history.calls[1]["text"].replace(
        "VHRN26", "GPPHFJ"
    )


def give_another_position(history: BookingHistory) -> None:
    history.calls[2]["position"] = 3


def answer_twice_afresh(history: BookingHistory) -> None:
    history.calls.append(dict(history.calls[2]))


def fail(history: BookingHistory) -> None:
    history.calls[2]["status"] = 500


def book_without_a_request(history: BookingHistory) -> None:
    del history.calls[1]


def leave_a_hole(history: BookingHistory) -> None:
    for event in history.events[2:]:
        event["position"] += 1


def turn_the_clock_back(history: BookingHistory) -> None:
    history.events[1]["recorded_at"] -= timedelta(seconds=5)


def answer_the_past(history: BookingHistory) -> None:
    history.calls[4].update(position=1, text=history.calls[3]["text"].replace('"held": 2', '"held": 0'))


def lose_acknowledged_commands(history: BookingHistory) -> None:
    for call in history.calls[1:3]:
        call["sent_at"], call["ended_at"] = call["sent_at"] - 20, call["ended_at"] - 20
    history.calls[0]["sent_at"] += 1


def pay_after_the_end(history: BookingHistory) -> None:
    for event in history.events[2:]:
        event["recorded_at"] = START + timedelta(seconds=12)


def charge_twice(history: BookingHistory) -> None:
    history.events[3].update(topic="booking.payment_pending", state=history.events[2]["state"])


def sell_more_than_there_is(history: BookingHistory) -> None:
    history.events[0]["state"] = PLAN | {"seats": 1}


def expire_too_early(history: BookingHistory) -> None:
    history.events[2:] = [
        history.events[2]
        | {"topic": "booking.cancelled", "state": {"reason": "hold_expired", "note": None}, "version": 2}
    ]


def expire_a_paid_booking(history: BookingHistory) -> None:
    state = {"reason": "hold_expired", "note": None}
    history.event(BOOKING, 4, "booking.cancelled", state, "expire_hold", 20)


def refuse_without_a_reason(history: BookingHistory) -> None:
    history.calls[-1]["body"] = history.calls[-1]["body"].replace('"seats": 2', '"seats": 1')


def show_seats_that_are_taken(history: BookingHistory) -> None:
    history.calls[3]["text"] = history.calls[3]["text"].replace('"held": 2', '"held": 1')


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (refuse_the_current_version, "refused for its version"),
        (refuse_a_version_that_was_not_named, "it names no version"),
        (lose_the_payment, "acknowledged, but the ledger has no such command"),
        (give_another_answer, "the answer was"),
        (record_another_answer, "the fold says"),
        (give_another_reference, "the fold says"),
        (give_another_position, "states position 3, not 4"),
        (answer_twice_afresh, "answered afresh 2 times"),
        (fail, "outside the contract"),
        (book_without_a_request, "no caller requested it"),
        (leave_a_hole, "positions are not dense"),
        (turn_the_clock_back, "time goes backwards"),
        (answer_the_past, "sent later, but earlier in the log"),
        (lose_acknowledged_commands, "sent later, but earlier in the log"),
        (pay_after_the_end, "after the hold's end"),
        (charge_twice, "charged twice"),
        (sell_more_than_there_is, "is oversold by 1"),
        (expire_too_early, "a hold expires before its end"),
        (expire_a_paid_booking, "a hold expires although the booking was booked"),
        (refuse_without_a_reason, "refused without a reason"),
        (show_seats_that_are_taken, "do not add up"),
    ],
)
def test_a_forged_history_is_caught(forge: Callable[[BookingHistory], None], sentence: str) -> None:
    history = BookingHistory()
    forge(history)
    assert any(sentence in violation for violation in history.violations()), history.violations()


def test_a_local_time_of_another_instant_is_found() -> None:
    history = BookingHistory()
    for one in (history.calls[0], history.outcomes[0]):
        name = "text" if "text" in one else "body"
        one[name] = one[name].replace("15:00:00-05:00", "15:00:00-06:00")
    assert any("the fold says" in violation for violation in history.violations())
