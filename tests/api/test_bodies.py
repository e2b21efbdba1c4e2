"""Request bodies: limits, strict decoding and error pointers."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.http import bodies
from api.http.http_errors import ContentTooLarge, Malformed, RequestTimeout, ValidationFailed
from api.resources.bookings import BookingCancellation
from domain.commands.bookings import InitiateBooking
from domain.commands.flights import ScheduleFlight
from domain.commands.payments import PayBooking
from domain.payments import Capture
from runtime.timers import Timers
from tests.api.conftest import BA117, People

HOLD = {"flight_id": "01932c07-5bb0-7aaa-8000-00000000ba17", "user_id": "alice", "seats": 2}


def text(**changes: Any) -> bytes:
    return json.dumps(HOLD | changes).encode()


def pointer(body: bytes, kind: type[Any] = InitiateBooking) -> str:
    with pytest.raises(ValidationFailed) as refused:
        bodies.decode(body, kind)
    errors = refused.value.facts["errors"]
    assert errors[0]["message"]
    return str(errors[0]["pointer"])


def test_a_valid_body_decodes_to_its_struct() -> None:
    assert bodies.decode(text(), InitiateBooking).seats == 2


@pytest.mark.parametrize("seats", ["1", True, 1.0, None, 0, -1, 10, 2**64, [], {}])
def test_a_pointer_names_a_value_of_the_wrong_type_or_size(seats: Any) -> None:
    assert pointer(text(seats=seats)) == "/seats"


@pytest.mark.parametrize("number", ["1e400", "1.0", "1e0", "9" * 5000, "-0"])
def test_numbers_that_are_not_small_integers_are_refused(number: str) -> None:
    assert pointer(text().replace(b": 2}", f": {number}}}".encode())) == "/seats"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b'{"seats": NaN}',
        b'{"user_id": "\xff"}',
        text(user_id="x").replace(b'"x"', b'"\\ud800"'),
        text() + b" {}",
        b"\xef\xbb\xbf" + text(),
        b"[" * 2000,
        b"[]",
        b"null",
        b'"text"',
    ],
)
def test_a_body_that_is_not_a_json_object_has_an_empty_pointer(body: bytes) -> None:
    assert pointer(body) == ""


def test_deep_nesting_is_refused_in_any_field() -> None:
    deep = b"[" * 30_000 + b"]" * 30_000
    assert pointer(text()[:-1] + b', "x": ' + deep + b"}") == "/x"
    assert pointer(text().replace(b'"alice"', deep)) == "/user_id"


def test_a_pointer_names_unknown_missing_and_duplicate_fields() -> None:
    assert pointer(text(**{"a/b~c": 1})) == "/a~1b~0c"
    assert pointer(b'{"flight_id": "01932c07-5bb0-7aaa-8000-00000000ba17"}') == "/user_id"
    assert pointer(text()[:-1] + b', "seats": 2}') == "/seats"


def test_nul_is_refused_but_an_escaped_backslash_is_not() -> None:
    assert pointer(text(user_id="a\x00")) == "/user_id"
    assert pointer(b'{"reason": "a\\u0000"}', BookingCancellation) == "/reason"
    assert bodies.decode(b'{"reason": "a\\\\u0000"}', BookingCancellation).reason == "a\\u0000"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"price": {"amount": "1", "currency": "INR"}}, "/price/amount"),
        ({"price": {"amount": 1, "currency": "XXX"}}, "/price"),
        ({"price": {"amount": 0, "currency": "INR"}}, "/price"),
        ({"departs_at": "2040-05-17T22:45:00"}, "/departs_at"),
        ({"departs_at": "0001-01-01T00:00:00+14:00"}, ""),
        ({"arrives_at": "9999-12-31T23:59:59-14:00"}, ""),
        ({"arrives_at": "2040-05-17T21:45:00Z"}, ""),
        ({"destination": "LHR"}, ""),
        ({"number": "BA117\n"}, "/number"),
    ],
)
def test_a_pointer_names_an_impossible_field_of_a_flight(change: dict[str, Any], where: str) -> None:
    assert pointer(json.dumps(BA117 | change).encode(), ScheduleFlight).startswith(where)


@pytest.mark.parametrize("user", ["", "a\tb", "a\nb", "alice\n", "a\x7f", "a" * 256])
def test_a_user_id_is_one_line_of_text(user: str) -> None:
    assert pointer(text(user_id=user)) == "/user_id"


@pytest.mark.parametrize("capture", ["later", "MANUAL", "", None])
def test_a_payment_is_captured_automatically_or_manually(capture: str | None) -> None:
    payment = {"booking_id": HOLD["flight_id"], "user_id": "alice", "total_cost": BA117["price"]}
    for mode in Capture:
        command = bodies.decode(json.dumps(payment | {"capture": mode.value}).encode(), PayBooking)
        assert command.capture is mode
    assert bodies.decode(json.dumps(payment).encode(), PayBooking).capture is Capture.AUTOMATIC
    with pytest.raises(ValidationFailed):
        bodies.decode(json.dumps(payment | {"capture": capture}).encode(), PayBooking)


async def chunks(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b" " * size


async def test_a_body_is_limited_to_64_kib_with_or_without_content_length(people: People) -> None:
    headers = {"content-type": "application/json"}
    fits = text(flight_id="01932c07-5bb0-7aaa-8000-000000000000").ljust(65_536)
    for body, status in [(fits, 404), (fits + b" ", 413), (chunks(*[8192] * 9), 413), (b" " * 10**7, 413)]:
        answer = await people.alice.post("/api/v1/bookings", content=body, headers=headers)
        assert answer.status_code == status, answer.text


async def receive_endless() -> Any:
    return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}


async def test_a_too_large_body_is_not_kept_in_memory() -> None:
    tracemalloc.start()
    with pytest.raises(ContentTooLarge):
        await bodies.read(receive_endless, None, Timers(10))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


async def test_reading_a_body_is_limited_in_time_and_size() -> None:
    async def receive_nothing() -> Any:
        await asyncio.Event().wait()

    async def receive_disconnect() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(ContentTooLarge):
        await bodies.read(receive_endless, None, Timers(10))
    with pytest.raises(Malformed):
        await bodies.read(receive_disconnect, None, Timers(10))
    with pytest.raises(RequestTimeout):
        await bodies.read(receive_nothing, None, Timers(0.01))


async def test_a_cancelled_read_stays_cancelled_when_its_time_is_over() -> None:
    async def receive_until_both() -> Any:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.Event().wait()

    # The timer is due in the same turn of the loop as the cancellation.
    reading = asyncio.create_task(bodies.read(receive_until_both, None, Timers(0)))
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 404),
        ("application/json; charset=UTF-8", 404),
        ('Application/JSON;charset="utf-8"', 404),
        ("application/json; charset=utf8", 404),
        ("application/json;", 404),
        ("application/json ; ; charset=utf-8 ;", 404),
        ('application/json; profile="a;charset=b"', 404),
        ("application/json; charset=utf-8; charset=utf-16", 415),
        ("application/json; charset", 415),
        ("application/json, application/json", 415),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/jsonx", 415),
        (None, 415),
    ],
)
async def test_only_json_in_utf_8_is_accepted(people: People, content_type: str | None, status: int) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await people.alice.post("/api/v1/bookings", content=text(), headers=headers)
    assert answer.status_code == status, answer.text
