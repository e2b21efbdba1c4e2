"""Malformed bodies: every answer is an outcome or a problem document, never a 500."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.every_call import calls
from tests.attacks.mutations import bodies
from tests.contract.client import PROBLEM_FIELDS
from tests.contract.people import OLGA
from tests.contract.samples import new_key, unknown_id
from tests.repetitions import times

MUTATIONS = times(40, 120)
STATUSES = {200, 201, 400, 404, 409, 413, 415, 422}
DEEP = 2_000
NASTY = {
    "empty": b"",
    "a blank": b" ",
    "NUL": b"\x00",
    "no UTF-8": b'{"reason": "\xff\xfe"}',
    "half a surrogate": b'{"reason": "\\ud83d"}',
    "overlong UTF-8": b'{"reason": "\xc0\x80"}',
    "UTF-16": '{"reason": "x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"seats": NaN}',
    "-Infinity": b'{"seats": -Infinity}',
    "1e400": b'{"seats": 1e400}',
    "a long number": b'{"seats": ' + b"9" * 60_000 + b"}",
    "a long fraction": b'{"seats": 0.' + b"1" * 60_000 + b"}",
    "2^64": b'{"seats": 18446744073709551616}',
    "negative": b'{"seats": -1}',
    "minus zero": b'{"seats": -0}',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and open": b'{"seats": ' + b"[" * 60_000,
    "ten thousand names": json.dumps({f"n{number}": 0 for number in range(5_000)}).encode(),
    "a name twice": b'{"seats": 1, "seats": 1}',
    "a name twice, once escaped": b'{"seats": 1, "se\\u0061ts": 2}',
    "another name": b'{"__proto__": {"roles": ["operator"]}, "constructor": 1}',
    "ten megabytes": b" " * 10_000_000,
    "after the end": b"{}{}",
    "comments": b"{/* */}",
    "single quotes": b"{'seats': 1}",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
}


@pytest.fixture(scope="module")
def wire(program):
    wire = RawClient(program)
    yield wire
    wire.connection.close()


@pytest.fixture(scope="module")
def commands(wire):
    """Every documented call with an example of its body."""
    _, raw = wire.send("GET", "/openapi.json", None)
    return [call for call in calls(json.loads(raw)) if call.example is not None]


class RawClient:
    """Connection that stays open until the server closes it."""

    def __init__(self, program):
        self.program = program
        parts = urlsplit(program.url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        self.headers = {"Authorization": f"Bearer {OLGA.token()}", "Content-Type": "application/json"}

    def send(self, method, path, body, **headers):
        try:
            self.connection.request(method, path, body, self.headers | headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except OSError:
            self.connection.close()
            raise
        self.program.check_no_server_error(answer.status, body)
        return answer, body

    def command(self, path, body, method="POST"):
        """Send the body, check the answer against the common rules, and return its status."""
        answer, raw = self.send(method, path, body, **{"x-idempotency-key": new_key()})
        assert answer.status in STATUSES, (path, body[:200], raw)
        if answer.status >= 400:
            problem = json.loads(raw)
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem.keys() >= PROBLEM_FIELDS
            assert problem["status"] == answer.status
            if problem["code"] == "validation-failed":
                assert all(error.keys() == {"pointer", "message"} for error in problem["errors"])
            assert len(raw) < 4_000
        return answer.status


def test_any_json_and_any_mutation_gets_a_valid_answer(wire, commands):
    statuses = {status for call in commands for status in send_mutations(wire, call)}
    assert {400, 404} <= statuses


def send_mutations(wire, call):
    """Send mutations of the example and return the statuses of the answers."""
    path = call.path.replace("{id}", unknown_id())
    statuses = set()

    @settings(
        max_examples=MUTATIONS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies(call.example))
    def attack(body):
        statuses.add(wire.command(path, body, call.method))

    attack()
    return statuses


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_body_is_refused_by_every_command(wire, commands, name):
    for call in commands:
        optional = not call.described["requestBody"]["required"]
        if optional and NASTY[name] == b"" and "{id}" not in call.path:
            continue  # the body is optional
        status = wire.command(call.path.replace("{id}", unknown_id()), NASTY[name], call.method)
        assert status in ({400, 413, 404} if optional else {400, 413}), call


@given(st.data())
@settings(
    max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_any_query_string_gets_a_valid_answer(wire, data):
    names = st.sampled_from(
        ["limit", "cursor", "sort", "date", "after", "as_of", "version", "user_id", "type", "x"]
    )
    safe = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")
    values = st.text(safe, max_size=30) | st.sampled_from(
        ["%00", "%ff", "%", "%u0000", "9" * 30, "&", "=", ";"]
    )
    query = "&".join(
        f"{name}={value}" for name, value in data.draw(st.lists(st.tuples(names, values), max_size=4))
    )
    for path in (
        "/api/v1/flights",
        "/api/v1/bookings",
        "/api/v1/events",
        f"/api/v1/bookings/{unknown_id()}",
    ):
        answer, raw = wire.send("GET", f"{path}?{query}", None)
        assert answer.status in {200, 400, 404}, (path, query, raw)
