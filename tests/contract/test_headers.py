"""Headers of every answer: request id, position, version, location, content type."""

import json
import re

import pytest

from tests.contract.people import OLGA
from tests.contract.samples import rupees, unknown_id

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("request_id", ["12345678", "x" * 64, "Trace_me-2031"])
@pytest.mark.parametrize("path", ["/api/v1/info", "/api/v1/flights", "/api/v1/bookings", "/nowhere"])
async def test_a_valid_request_id_is_returned_with_every_answer(api, path, request_id):
    answer = await api.call("GET", path, headers={"x-request-id": request_id})
    assert answer.headers["x-request-id"] == request_id


@pytest.mark.parametrize(
    "request_id", ["1234567", "x" * 65, "has a space", "dots.are.out", "naïveté-2031", "{}{}{}{}"]
)
async def test_an_invalid_request_id_is_replaced(api, request_id):
    answer = await api.call("GET", "/api/v1/info", headers={"x-request-id": request_id})
    assert answer.headers["x-request-id"] != request_id
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])


async def test_generated_request_ids_are_unique(api):
    made = [(await api.call("GET", "/api/v1/info")).headers["x-request-id"] for _ in range(5)]
    assert len(set(made)) == 5


async def test_a_problem_carries_the_request_id(alice):
    wanted = {"x-request-id": "find-me-again"}
    problem = (await alice.get(f"/bookings/{unknown_id()}", headers=wanted)).refusal(404)
    assert problem["request_id"] == "find-me-again"


async def test_request_id_and_trace_are_stored_in_the_event(alice, operator):
    flight = await operator.create_flight()
    sent = {"x-request-id": "find-me-in-the-log", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    booking = (await alice.book(flight, headers=sent)).created()
    [initiated] = await alice.read_history(booking)
    written = json.dumps([initiated["correlation_id"], initiated["causation_id"], initiated["data"]])
    assert "find-me-in-the-log" in written or TRACE in written


@pytest.mark.parametrize("garbage", ["", "00-zz-zz-01", "x" * 500, "00-" + "0" * 32 + "-" + "0" * 16 + "-00"])
async def test_an_invalid_traceparent_is_ignored(alice, operator, garbage):
    flight = await operator.create_flight()
    (await alice.book(flight, headers={"traceparent": garbage})).created()


async def test_every_command_answers_with_its_position_and_version(alice, operator):
    scheduled = await operator.schedule()
    flight = scheduled.created()
    made = await alice.book(flight)
    booking = made.created()
    paid = await alice.pay(booking)
    cancelled = await alice.cancel(booking)
    repriced = await operator.post(f"/flights/{flight['id']}/price", {"price": rupees(1)})
    reseated = await operator.post(f"/flights/{flight['id']}/seats", {"seats": 7})
    positions = [a.position for a in (scheduled, made, paid, cancelled, repriced, reseated)]
    assert positions[0] >= 1
    assert positions == sorted(set(positions))
    assert scheduled.headers["etag"] == f'"v{flight["version"]}"'
    assert made.headers["etag"] == f'"v{booking["version"]}"' == '"v1"'
    assert paid.headers["etag"] == f'"v{paid.body["booking"]["version"]}"'
    assert cancelled.headers["etag"] == f'"v{cancelled.body["version"]}"'
    assert repriced.headers["etag"] != reseated.headers["etag"]


async def test_every_query_answers_with_the_position_it_reflects(alice, operator):
    flight = await operator.create_flight()
    made = await alice.book(flight)
    booking = f"/bookings/{made.body['id']}"
    here = f"/flights/{flight['id']}"
    for path in ("/flights", here, f"{here}/availability", "/bookings", booking, f"{booking}/history"):
        answer = await alice.get(path)
        assert answer.status == 200, path
        assert answer.media_type == "application/json", path
        assert answer.position >= made.position, path


@pytest.mark.parametrize("kind", ["flight", "booking"])
async def test_location_is_the_url_of_the_new_resource(api, alice, operator, kind):
    scheduled = await operator.schedule()
    answer = scheduled if kind == "flight" else await alice.book(scheduled.created())
    location = answer.headers["location"].removeprefix(api.url)
    assert location == f"/api/v1/{kind}s/{answer.created()['id']}"
    assert (await api.call("GET", location, token=OLGA.token())).ok() == answer.body
