"""The checker on histories of two ledgers behind one API: each log is judged apart."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from tests.trials.checker.samples import BOOKING, FLIGHT, PAYMENT, START
from tests.trials.checker.test_checker import BookingHistory
from trials.checker import check, check_each
from trials.checker.calls import Call
from trials.checker.ledgers import place_of
from trials.checker.log import Event, Log, Outcome
from trials.programs.ledgers import TWO

Row = dict[str, Any]


@dataclass
class TwoHistories:
    """The same history in each of two ledgers, with ids of their own, and lists over both."""

    calls: list[Call] = field(default_factory=list)
    logs: dict[str, Log] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = [self._add(place.name, place.number, (*place.carriers, "BA")[0]) for place in TWO]
        self.rows = rows[::-1]
        self.list_bookings(self.rows, 50, None)
        self.list_bookings(self.rows[:1], 1, "more")

    def list_bookings(self, rows: list[Row], limit: int, cursor: str | None) -> None:
        """Record a list of the caller's bookings at second 5, when all of both logs had happened."""
        self.calls.append(
            Call(
                who="alice",
                operation="bookings",
                path=f"/bookings?user_id=alice&limit={limit}",
                sent_at=START.timestamp() + 7.8,
                ended_at=START.timestamp() + 8.2,
                status=200,
                text=json.dumps({"data": rows, "next_cursor": cursor}),
                positions={"main": 4, "second": 4},
                ledger="main, second",
            )
        )

    def violations(self) -> list[str]:
        return check_each(self.calls, self.logs, TWO)

    def _add(self, name: str, number: int, carrier: str) -> Row:
        """Add the history of one ledger; return its booking as it is in the end."""
        history = BookingHistory()
        text = msgspec.json.encode((history.events, history.outcomes, history.calls)).decode()
        for id in (FLIGHT, BOOKING, PAYMENT):
            text = text.replace(str(id), str(type(id)(int=id.int | number << 64)))
        text = text.replace("BA117", f"{carrier}117")
        found = msgspec.json.decode(text, type=tuple[list[Event], list[Outcome], list[Call]])
        events, outcomes = ([_under_own_key(each, name) for each in some] for some in found[:2])
        calls = [_under_own_key(msgspec.structs.replace(call, ledger=name), name) for call in found[2]]
        self.logs[name] = Log(events, outcomes)
        self.calls += calls
        row: Row = next(json.loads(call.text)["booking"] for call in calls if call.operation == "pay_booking")
        return row


def _under_own_key(each: Any, name: str) -> Any:
    return msgspec.structs.replace(each, key=each.key and f"{name} {each.key}")


def test_two_honest_histories_have_no_violation() -> None:
    assert TwoHistories().violations() == []


def test_a_refusal_that_the_second_ledger_forgot_is_found_in_its_own_log_only() -> None:
    two = TwoHistories()
    log = two.logs["second"]
    two.logs["second"] = Log(log.events, [outcome for outcome in log.outcomes if outcome.accepted])
    (violation,) = two.violations()
    assert violation.startswith("second: acknowledged, but the ledger has no such command")
    of_main = [call for call in two.calls if call.ledger == "main"]
    assert check(of_main, two.logs["main"]) == [], "a judge of main alone finds nothing"


def name_another_ledger(two: TwoHistories) -> None:
    two.calls[0] = msgspec.structs.replace(two.calls[0], ledger="second")


def name_no_ledger(two: TwoHistories) -> None:
    two.calls[0] = msgspec.structs.replace(two.calls[0], ledger="")


def record_in_both(two: TwoHistories) -> None:
    two.logs["main"].outcomes.append(two.logs["second"].outcomes[-1])


def write_an_event_of_the_other(two: TwoHistories) -> None:
    two.logs["main"].events.append(msgspec.structs.replace(two.logs["second"].events[0], position=5))


def list_without_the_second(two: TwoHistories) -> None:
    two.list_bookings(two.rows[1:], 50, None)


def list_out_of_order(two: TwoHistories) -> None:
    two.list_bookings(two.rows[::-1], 50, None)


def pass_over_a_row(two: TwoHistories) -> None:
    two.list_bookings(two.rows[1:], 1, "more")


def list_half_a_page(two: TwoHistories) -> None:
    two.list_bookings(two.rows[:1], 2, "more")


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (name_another_ledger, "answered by the ledger 'second', not main"),
        (name_no_ledger, "answered by the ledger '', not main"),
        (record_in_both, "is recorded in main and second"),
        (write_an_event_of_the_other, "main has an event about"),
        (list_without_the_second, "second: the fold lists"),
        (list_out_of_order, "the list is not in order"),
        (pass_over_a_row, "second: the fold lists"),
        (list_half_a_page, "the page of 2 rows has 1"),
    ],
)
def test_what_crosses_from_one_ledger_to_another_is_found(
    forge: Callable[[TwoHistories], None], sentence: str
) -> None:
    two = TwoHistories()
    forge(two)
    assert any(sentence in violation for violation in two.violations()), two.violations()


@pytest.mark.parametrize("number", [place.number for place in TWO])
def test_a_call_about_an_itinerary_belongs_to_the_ledger_of_its_ids(number: int) -> None:
    id = str(type(BOOKING)(int=BOOKING.int | number << 64))
    calls = [
        Call(who="alice", operation="initiate_itinerary", path="/itineraries", body=json.dumps(body))
        for body in ({"bookings": [{"flight_id": id, "seats": 1}]}, {"itinerary_id": id})
    ]
    calls.append(Call(who="alice", operation="cancel_itinerary", path=f"/itineraries/{id}/cancel"))
    assert {place_of(call, TWO).number for call in calls} == {number}


def test_a_move_belongs_to_the_ledger_of_the_booking_and_not_of_the_other_flight() -> None:
    elsewhere = str(type(BOOKING)(int=BOOKING.int | TWO[1].number << 64))
    body = json.dumps({"flight_id": elsewhere})
    call = Call(who="olga", operation="move_booking", path=f"/bookings/{BOOKING}/move", body=body)
    assert place_of(call, TWO) == TWO[0]
