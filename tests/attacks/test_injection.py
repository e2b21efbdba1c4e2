"""SQL, log and format injection: text is returned unchanged or refused, and never executed."""

import json
import time
from urllib.parse import quote

import pytest

from tests.contract.people import SECRET, ApiCaller, mint
from tests.contract.samples import new_key, query, unknown_id

LINES = [
    "'; drop table ledger.events; --",
    "' or '1'='1",
    "x'); select pg_sleep(99); --",
    "\\'; select pg_sleep(99); --",
    "$$; select pg_sleep(99); $$",
    "%s %d %(name)s %n",
    "{} {0} {0.__class__.__init__.__globals__} {record[extra]}",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "${jndi:ldap://127.0.0.1:9/a}",
    "$(touch /tmp/owned) `touch /tmp/owned` | touch /tmp/owned",
    "<script>alert(1)</script>",
    '{"level":"CRITICAL","event":"forged"}',
    '","status":"booked","x":"',
    "=cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "__proto__ constructor __class__",
    "İıſK ﬃ Ω 😀 e\u0301 é",
    "' || repeat('x', 1000000000) || '",
]
"""Texts of printable characters, which are all valid names."""

CONTROLS = [
    "a\nb",
    "a\r\nset-cookie: owned=1",
    "\x1b[2J\x1b[31mred",
    "a\tb\x0bc\x0cd",
    "\x7f",
    "a\u2028b\u2029c\x85d",
    "\u202egnirts desrever",
    "\ufeffbom\u200bzero",
]
SECONDS_MAX = 60


@pytest.fixture(autouse=True)
def check_duration():
    """Fail if a test takes so long that a text made the database sleep."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SECONDS_MAX


@pytest.mark.parametrize("text", LINES)
async def test_a_user_name_that_looks_like_code_is_stored_unchanged(api, operator, text):
    somebody = ApiCaller(api, text, mint(sub=text, roles=["client"], exp=2**32))
    flight = await operator.create_flight()
    booking = (await somebody.book(flight)).created()
    assert booking["user_id"] == text
    assert (await somebody.find_booking(booking)).ok() == booking
    listed = (await operator.get("/bookings" + query(user_id=text, flight_id=flight["id"]))).ok()
    assert listed["data"] == [booking]
    (await somebody.pay(booking)).created()
    assert {event["actor"] for event in await operator.read_history(booking)} == {text}


@pytest.mark.parametrize("text", LINES + CONTROLS)
async def test_a_reason_is_stored_unchanged(operator, alice, text):
    booking = (await alice.book(await operator.create_flight())).created()
    (await alice.post(f"/bookings/{booking['id']}/cancel", {"reason": text}, key=new_key())).ok()
    assert text in texts((await alice.read_history(booking))[-1]["data"])


@pytest.mark.parametrize("text", CONTROLS)
async def test_a_name_with_control_characters_never_signs_in(api, operator, text):
    flight = await operator.create_flight()
    answer = await operator.book(flight, user_id=text)
    assert answer.status == 400 or answer.created()["user_id"] == text
    bearer = mint(sub=text, roles=["client"], exp=2**32)
    (await api.call("GET", "/api/v1/bookings", token=bearer)).refusal(401)


@pytest.mark.parametrize("text", [text for text in LINES if text.isascii()])
async def test_a_key_that_looks_like_code_is_used_unchanged(operator, alice, text):
    flight, key = await operator.create_flight(), text.replace(" ", "+")
    booking = (await alice.book(flight, key=key)).created()
    again = await alice.book(flight, key=key)
    assert (again.created(), again.replayed) == (booking, True)
    assert (await alice.read_history(booking))[0]["causation_id"] == key
    (await alice.book(flight, key=key + "+")).created()


@pytest.mark.parametrize("text", LINES + CONTROLS)
async def test_parameters_and_paths_that_look_like_code_are_not_executed(operator, alice, text):
    for name in ("origin", "destination", "date", "sort", "cursor", "max_price", "min_seats", "limit"):
        (await alice.get("/flights" + query(**{name: text}))).refusal(400)
    for name in ("status", "cursor", "flight_id", "limit", "min_position"):
        (await alice.get("/bookings" + query(**{name: text}))).refusal(400)
    for name in ("as_of", "version", "position"):
        (await alice.get(f"/bookings/{unknown_id()}" + query(**{name: text}))).refusal(400)
    answer = await operator.get("/events" + query(type=text))
    assert answer.status == 400 or answer.body["data"] == []
    for path in ("/flights/", "/bookings/"):
        (await alice.get(path + quote(text, safe=""))).refusal(404)


@pytest.mark.parametrize("text", [text for text in LINES if text.isascii()])
async def test_headers_are_returned_only_if_they_are_valid_ids(api, alice, text):
    headers = {"x-request-id": text, "traceparent": text, "User-Agent": text, "Accept": text, "Host": "x"}
    answer = await alice.get("/flights", headers=headers | {"X-Forwarded-For": text, "Referer": text})
    assert answer.ok()
    assert text not in str(answer.headers)


async def test_callers_cannot_inject_headers_into_answers(alice):
    for path in ("/flights/%0d%0aset-cookie:%20owned=1", "/flights?limit=1&x=%0d%0aset-cookie:%20owned=1"):
        answer = await alice.get(path)
        assert "set-cookie" not in answer.headers
        assert answer.status in (400, 404)


async def test_every_log_line_is_one_record_without_secrets(program, api, alice, operator):
    for text in LINES + CONTROLS:
        await operator.get("/flights/" + quote(text, safe=""))
        await operator.post("/bookings", {"flight_id": unknown_id(), "user_id": text, "seats": 1})
    wrong = alice.token[:-4] + "AAAA"
    (await api.call("GET", "/api/v1/bookings", token=wrong)).refusal(401)
    lines = program.log_lines()
    assert any(json.loads(line)["level"] == "DEBUG" for line in lines)
    for line in lines:
        record = json.loads(line)
        assert record["event"] != "forged"
        assert record["level"] != "CRITICAL"
        assert line.isprintable()
    output = "\n".join(lines) + program.stdout.read_text() + program.stderr.read_text()
    for secret in (SECRET, alice.token, operator.token, wrong, *(token.split(".")[2] for token in (wrong,))):
        assert secret not in output


def texts(value):
    """Yield all strings in a JSON value."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    return [value] if isinstance(value, str) else []
