"""The rules of retries, deadlines, keys and streams, step by step and without I/O."""

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from seatledger_client import (
    NotEnoughSeats,
    Overloaded,
    PositionNotReached,
    Refusal,
    TooManyCommands,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
)
from seatledger_client.calls import Call
from seatledger_client.errors import OutcomeUnknown
from seatledger_client.exchange import Emit, Exchange, Open, Pauses, Read, Send, Wait
from seatledger_client.positions import LEDGERS_MAX, Positions
from seatledger_client.record import OpenEnum, decode, read_time
from seatledger_client.records import Booking, BookingStatus, Event, Money
from seatledger_client.sse import EventParser

COMMAND = Call[Any]("POST", "/api/v1/bookings", dict, body={"seats": 1}, key="b1")
QUERY = Call[Any]("GET", "/api/v1/flights", dict, query={"min_position": None})
CUT = httpx.ReadError("cut")
NO_WAY = httpx.ConnectError("refused")


class Clock:
    """Time that passes only while an exchange waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def exchange(clock: Clock, jitter: float = 1.0, token: Any = "t") -> Exchange:
    return Exchange("http://ledger", token, 30, 10, Positions(), lambda: Pauses(lambda: jitter), clock)


def answer(status: int, body: Any = None, **headers: str) -> httpx.Response:
    sent = httpx.Request("GET", "http://ledger/")
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, json=body if body is not None else {}, headers=fields, request=sent)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    return answer(status, {"code": code, "detail": "No.", "status": status}, **headers)


def run(steps: Generator[Any, Any, Any], clock: Clock, *results: Any) -> tuple[Any, list[Any]]:
    """Give these results to the requests in turn, the last for ever; return the value and all steps."""
    taken, left, result = [], list(results), None
    while True:
        try:
            step = steps.send(result)
        except StopIteration as end:
            return end.value, taken
        taken.append(step)
        if isinstance(step, Wait):
            clock.seconds += step.seconds
            result = None
        else:
            result = left.pop(0) if len(left) > 1 else left[0]


def waits(steps: list[Any]) -> list[float]:
    return [step.seconds for step in steps if isinstance(step, Wait)]


def requests(steps: list[Any]) -> list[httpx.Request]:
    return [step.request for step in steps if isinstance(step, Send)]


@pytest.mark.parametrize(
    "failure", [CUT, NO_WAY, problem(503, "overloaded"), problem(429, "too-many-commands")]
)
def test_all_attempts_of_a_command_send_the_same_key_and_body(failure: Any) -> None:
    clock = Clock()
    value, steps = run(exchange(clock).answer(COMMAND), clock, failure, failure, answer(201, {"id": 1}))
    sent = requests(steps)
    assert value == {"id": 1}
    assert [one.headers["x-idempotency-key"] for one in sent] == ["b1"] * 3
    assert {one.content for one in sent} == {b'{"seats": 1}'}


def test_pauses_grow_up_to_a_limit_and_are_random_below_it() -> None:
    clock = Clock()
    with pytest.raises(Unreachable):
        run(exchange(clock).answer(QUERY), clock, NO_WAY)
    clock = Clock()
    _, steps = run(exchange(clock).answer(QUERY), clock, *[NO_WAY] * 8, answer(200))
    assert waits(steps) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    _, steps = run(exchange(clock, jitter=0.25).answer(QUERY), clock, NO_WAY, NO_WAY, answer(200))
    assert waits(steps) == [0.025, 0.05]


def test_no_attempt_comes_sooner_than_retry_after() -> None:
    clock = Clock()
    later = problem(503, "overloaded", retry_after="7")
    _, steps = run(exchange(clock, jitter=0).answer(COMMAND), clock, later, answer(200))
    assert waits(steps) == [7]


def test_a_retry_after_beyond_the_deadline_is_refused_at_once() -> None:
    clock = Clock()
    with pytest.raises(TooManyCommands) as caught:
        run(exchange(clock).answer(COMMAND), clock, problem(429, "too-many-commands", retry_after="40"))
    assert (caught.value.retry_after, caught.value.key, clock.seconds) == (40, "b1", 0)


@pytest.mark.parametrize("doubt", [CUT, answer(504), answer(502), problem(503, "unavailable")])
def test_a_command_that_may_have_been_done_ends_as_unknown_with_its_key(doubt: Any) -> None:
    clock = Clock()
    with pytest.raises(OutcomeUnknown, match="key='b1'") as caught:
        run(exchange(clock).answer(COMMAND), clock, doubt, problem(503, "overloaded"))
    assert caught.value.key == "b1"
    assert isinstance(caught.value.__cause__, Overloaded)
    assert 20 < clock.seconds < 30


def test_a_command_that_was_not_done_and_a_query_end_with_the_last_answer() -> None:
    clock = Clock()
    with pytest.raises(Overloaded):
        run(exchange(clock).answer(COMMAND), clock, problem(503, "overloaded"))
    clock = Clock()
    with pytest.raises(Unreachable):
        run(exchange(clock).answer(QUERY), clock, CUT)


@pytest.mark.parametrize(
    "final", [problem(409, "not-enough-seats"), problem(500, "internal-error"), problem(503, "not-ready")]
)
def test_other_refusals_are_not_repeated(final: httpx.Response) -> None:
    clock = Clock()
    steps = exchange(clock).answer(COMMAND)
    assert isinstance(next(steps), Send)
    with pytest.raises(Refusal) as caught:
        steps.send(final)
    assert caught.value.code == final.json()["code"]


def test_a_refusal_of_an_unknown_code_is_a_plain_one_and_can_be_pickled() -> None:
    import pickle

    clock = Clock()
    with pytest.raises(Refusal) as caught:
        run(exchange(clock).answer(COMMAND), clock, answer(409, {"code": "too-windy", "knots": 60}))
    assert type(caught.value) is Refusal
    assert pickle.loads(pickle.dumps(caught.value)).knots == 60
    with pytest.raises(NotEnoughSeats):
        run(exchange(clock).answer(COMMAND), clock, problem(409, "not-enough-seats"))


@pytest.mark.parametrize("status", [200, 302, 404])
def test_an_answer_that_is_not_of_this_api_is_named_so(status: int) -> None:
    clock = Clock()
    page = httpx.Response(status, text="<html>", request=httpx.Request("GET", "http://ledger/"))
    with pytest.raises(UnexpectedAnswer):
        run(exchange(clock).answer(replace(QUERY, kind=Booking)), clock, page)


def test_an_answer_without_a_body_is_none() -> None:
    clock = Clock()
    empty = httpx.Response(204, request=httpx.Request("DELETE", "http://ledger/"))
    assert run(exchange(clock).answer(replace(QUERY, kind=None)), clock, empty)[0] is None


def test_the_token_is_asked_for_at_each_attempt() -> None:
    clock, tokens = Clock(), iter(["old\n", "new"])
    _, steps = run(exchange(clock, token=lambda: next(tokens)).answer(QUERY), clock, NO_WAY, answer(200))
    assert [one.headers["authorization"] for one in requests(steps)] == ["Bearer old", "Bearer new"]


def test_queries_wait_for_the_highest_position_of_each_ledger() -> None:
    clock = Clock()
    one = exchange(clock)
    for ledger, position in (("main", "7"), ("ai", "3"), ("main", "5"), ("main, ai", "main=9, ai=9")):
        run(one.answer(COMMAND), clock, answer(201, ledger=ledger, ledger_position=position))
    _, steps = run(one.answer(QUERY), clock, answer(200))
    assert requests(steps)[0].url.params["min_position"] in ("ai=3,main=7", "main=7,ai=3")
    for number in range(LEDGERS_MAX):
        run(one.answer(COMMAND), clock, answer(201, ledger=f"l{number}", ledger_position="1"))
    _, steps = run(one.answer(QUERY), clock, answer(200))
    least = requests(steps)[0].url.params["min_position"]
    assert least.count(",") == LEDGERS_MAX - 1
    assert "main" not in least


def event(position: int) -> dict[str, Any]:
    texts = (
        "type",
        "actor",
        "operation",
        "causation_id",
        "correlation_id",
        "traceparent",
        "command_hash",
        "hash",
    )
    return {
        **dict.fromkeys(texts, ""),
        "originator_id": "01900000-0000-7000-8000-000000000001",
        "recorded_at": "2030-04-01T09:30:00.5Z",
        "position": position,
        "version": 1,
        "ordinal": 1,
        "data": {"reason": "line\u2028break\x85"},
    }


def message(position: int) -> bytes:
    text = json.dumps(event(position), ensure_ascii=False)
    return f"id: {position}\ndata: {text}\n\n".encode()


def stream(clock: Clock, after: int, *results: Any) -> tuple[list[int], list[Any]]:
    """Give these results to the steps of a stream; return the positions emitted and all steps."""
    steps, left, positions, taken = exchange(clock).events({}, after), list(results), [], []
    result = None
    while left or isinstance(result, bytes | httpx.Response):
        step = steps.send(result)
        taken.append(step)
        result = None
        if isinstance(step, Emit):
            assert isinstance(step.item, Event)
            positions.append(step.item.position)
        elif isinstance(step, Wait):
            clock.seconds += step.seconds
        elif left:
            result = left.pop(0)
    return positions, taken


def test_a_stream_resumes_after_the_last_event_and_gives_none_twice() -> None:
    start = b"retry: 1000\n\n" + message(6)
    positions, steps = stream(
        Clock(), 5, NO_WAY, answer(200), start, b":\n\n", message(7) + message(8)[:40], CUT,
        problem(503, "overloaded"), answer(200), message(7) + message(8), b"", answer(200), message(9),
    )  # fmt: skip
    opened = [step.request.url.params["after"] for step in steps if isinstance(step, Open)]
    assert positions == [6, 7, 8, 9]
    assert opened[:4] == ["5", "5", "7", "7"]
    assert any(isinstance(step, Read) for step in steps)


def test_a_stream_ends_when_the_token_is_refused_or_the_log_stays_short() -> None:
    with pytest.raises(Unauthenticated):
        stream(Clock(), 0, problem(401, "unauthenticated"))
    clock = Clock()
    with pytest.raises(PositionNotReached):
        stream(clock, 99, *[problem(503, "position-not-reached", retry_after="1")] * 60)
    assert clock.seconds > 30


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_messages_are_found_however_they_are_cut(size: int, end: bytes) -> None:
    text = (b":comment\nid: 1\ndata: a\ndata:b\x0c\xe2\x80\xa8\n\nevent: x\n\ndata: c\n\n:\n").replace(
        b"\n", end
    )
    parser, found = EventParser(), []
    for start in range(0, len(text), size):
        found += parser.feed(text[start : start + size])
    assert found == ["a\nb\x0c\u2028", "c"]


def test_unknown_fields_and_values_survive() -> None:
    members = {"amount": 1, "currency": "INR", "vat": 19}
    assert decode(Money, members) == Money(1, "INR")
    assert decode(Money, members).extra == {"vat": 19}
    status = decode(BookingStatus, "boarding")
    assert (status, f"{status}", str(status), json.dumps(status)) == ("boarding",) * 3 + ('"boarding"',)
    assert isinstance(status, OpenEnum)
    assert BookingStatus("booked") is BookingStatus.BOOKED


@pytest.mark.parametrize(
    "text", ["2030-04-01T09:30:00Z", "2030-04-01T09:30:00.000Z", "2030-04-01T11:30:00+02:00"]
)
def test_times_are_aware(text: str) -> None:
    assert read_time(text).timestamp() == 1901266200
    assert read_time("2030-04-01T09:30:00.1234567Z").microsecond == 123456
