"""HTTP as the web expects it: HEAD, OPTIONS, entity tags, compression, cross-origin requests, all errors."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.http.replies import accepts_gzip
from api.http.routes import PUBLIC
from ledger.ledger import open_ledger
from runtime.settings import SETTINGS as DECLARED
from tests.api.conftest import BA117, SETTINGS, People, running
from tests.api.test_routes import routes

SHOP = "https://shop.example"


@pytest.fixture
async def open_people(database_url: str) -> AsyncIterator[People]:
    """Callers of a server that allows the origin SHOP."""
    app = create_app(replace(SETTINGS, cors_origins=(SHOP,)), lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        yield People.of(app)


async def test_head_is_wherever_get_is(people: People) -> None:
    flight = await people.flight()
    booking = await people.booking(flight)
    paths = {path for method, path, route in routes(people) if method == "GET" and route}
    for path in paths:
        own = flight["id"] if "flights" in path else booking["id"]
        url = path.replace("{id}", own).replace("{name}", "index.html").replace("{code}", "not-found")
        headers = {"last-event-id": "0"}
        if path.endswith("/stream"):
            head = await people.operator.head(url, headers=headers)
            assert (head.status_code, head.content) == (200, b"")
            continue
        got = await people.operator.get(url, headers=headers)
        head = await people.operator.head(url, headers=headers)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"], path


async def test_options_names_the_methods_of_a_path(people: People) -> None:
    answer = await people.anonymous.options("/api/v1/bookings")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (await people.anonymous.options("/nowhere")).status_code == 404


async def test_an_answer_that_the_caller_has_is_a_304(people: People) -> None:
    flight = await people.flight()
    booking = await people.booking(flight)
    for path in (
        f"bookings/{booking['id']}",
        f"bookings/{booking['id']}/history",
        "bookings",
        "flights",
        f"flights/{flight['id']}",
        f"flights/{flight['id']}/availability",
    ):
        got = await people.alice.get(f"/api/v1/{path}")
        tag = got.headers["etag"]
        assert got.headers["cache-control"] == "private, no-cache"
        for sent in (tag, f'"other", {tag}', f"W/{tag.removeprefix('W/')}", "*"):
            again = await people.alice.get(f"/api/v1/{path}", headers={"if-none-match": sent})
            assert (again.status_code, again.content) == (304, b""), (path, sent)
            assert again.headers["etag"] == tag
            assert again.headers["ledger-position"] == got.headers["ledger-position"]
            assert "content-type" not in again.headers
        other = await people.alice.get(f"/api/v1/{path}", headers={"if-none-match": '"other"'})
        assert other.status_code == 200
    before = (await people.alice.get("/api/v1/bookings")).headers["etag"]
    await people.pay(booking)
    after = await people.alice.get("/api/v1/bookings", headers={"if-none-match": before})
    assert (after.status_code, after.json()["data"][0]["status"]) == (200, "booked")


async def test_an_answer_that_changes_without_an_event_of_its_own_is_no_304(people: People) -> None:
    flight = await people.flight(seats=2)
    booking = await people.booking(flight)
    joined = await people.bob.post(
        f"/api/v1/flights/{flight['id']}/waitlist", json={"user_id": "bob", "seats": 2}
    )
    waits = f"/api/v1/waitlist/{joined.json()['id']}"
    expanded = f"/api/v1/bookings/{booking['id']}?expand=flight"
    await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")
    offered = await people.bob.get(waits)
    before = await people.alice.get(expanded)
    await people.bob.post(f"/api/v1/bookings/{offered.json()['booking_id']}/cancel")
    price = {"price": {"amount": 1, "currency": "INR"}}
    assert (
        await people.operator.post(f"/api/v1/flights/{flight['id']}/price", json=price)
    ).status_code == 200
    after = await people.bob.get(waits, headers={"if-none-match": offered.headers["etag"]})
    assert (after.status_code, after.json()["status"]) == (200, "declined")
    assert after.headers["etag"] == offered.headers["etag"]
    again = await people.alice.get(expanded, headers={"if-none-match": before.headers["etag"]})
    assert (again.status_code, again.json()["flight"]["price"]) == (200, price["price"])


async def test_answers_of_another_moment_or_caller_have_no_tag(people: People) -> None:
    refused = await people.bob.get(f"/api/v1/bookings/{(await people.booking(await people.flight()))['id']}")
    assert refused.status_code == 404
    for answer in (
        refused,
        await people.anonymous.get("/health/ready"),
        await people.operator.get("/metrics"),
    ):
        assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in (await people.anonymous.get("/health/ready")).headers


async def test_answers_above_a_kibibyte_are_compressed_on_request(people: People) -> None:
    for day in range(10, 16):
        await people.flight(departs_at=f"2040-05-{day}T10:00:00Z", arrives_at=f"2040-05-{day}T20:00:00Z")
    plain = await people.alice.get("/api/v1/flights", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    raw = httpx.Request("GET", "http://ledger.test/api/v1/flights", headers=people.alice.headers)
    raw.headers["accept-encoding"] = "br;q=1.0, gzip;q=0.5"
    packed = await people.alice.send(raw, stream=True)
    body = b"".join([chunk async for chunk in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(body) < len(plain.content) / 2
    assert gzip.decompress(body) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]
    for answer in (plain, packed):
        assert answer.headers["vary"] == "accept-encoding"
    small = await people.alice.get("/api/v1/info", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (b"gzip", True),
        (b"GZIP, br", True),
        (b"*", True),
        (b"br;q=0.9, gzip;q=0.1", True),
        (b"gzip;q=0", False),
        (b"gzip;q=0.000, *", False),
        (b"br, *;q=0", False),
        (b"identity", False),
        (b"", False),
        (b"xgzip", False),
    ],
)
def test_gzip_is_sent_only_if_it_is_accepted(value: bytes, accepted: bool) -> None:
    assert accepts_gzip(value) is accepted


async def test_a_page_of_an_allowed_origin_may_call(open_people: People) -> None:
    asked = {"origin": SHOP, "access-control-request-method": "POST"}
    preflight = await open_people.anonymous.options("/api/v1/bookings", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == SHOP
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "x-idempotency-key" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-max-age"] == "600"
    for answer in (
        await open_people.operator.post("/api/v1/flights", json=BA117, headers={"origin": SHOP}),
        await open_people.anonymous.get("/api/v1/flights", headers={"origin": SHOP}),
    ):
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "ledger-position" in answer.headers["access-control-expose-headers"]
        assert "origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_page_of_another_origin_may_not_call(open_people: People, people: People) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for caller in (open_people, people):
        preflight = await caller.anonymous.options("/api/v1/bookings", headers=asked)
        assert preflight.status_code == 204
        assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert preflight.headers.get("vary") is None
    got = await open_people.alice.get("/api/v1/flights", headers=asked)
    assert (got.status_code, got.headers["vary"]) == (200, "origin")
    assert "access-control-allow-origin" not in got.headers


@pytest.mark.parametrize(
    "text", ["shop.example", "https://shop.example/", "https://a@b", "ftp://x", "*", "null"]
)
def test_an_origin_that_no_browser_sends_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="must be an origin like"):
        DECLARED["cors_origins"].parse(text)


async def test_all_errors_of_a_body_are_named_at_once(people: People) -> None:
    wrong: dict[str, Any] = {
        "number": "nonsense",
        "origin": 7,
        "destination": "JFK",
        "departs_at": "tomorrow",
        "seats": 0,
        "price": {"amount": "1", "currency": "INR", "tax": 1},
        "a/b": 1,
    }
    refused = await people.operator.post("/api/v1/flights", json=wrong)
    assert refused.status_code == 400
    errors = {error["pointer"]: error["message"] for error in refused.json()["errors"]}
    assert errors == {
        "/a~1b": "Unknown, remove it",
        "/number": "Not in the form that is expected: IATA flight number, like BA117",
        "/origin": "Must be a string, not an integer",
        "/departs_at": "Must be a time like 2030-05-17T10:00:00Z (RFC 3339)",
        "/arrives_at": "Required",
        "/seats": "Must be at least 1",
        "/price/amount": "Must be an integer, not a string",
        "/price/tax": "Unknown, remove it",
    }


async def test_a_name_without_utf8_is_named_as_far_as_possible(people: People) -> None:
    body = b'{"other": 1, "\\ud800": 1}'
    headers = {"content-type": "application/json"}
    refused = await people.alice.post("/api/v1/bookings", content=body, headers=headers)
    assert refused.status_code == 400
    assert {"/other", "/?"} <= {error["pointer"] for error in refused.json()["errors"]}


async def test_errors_within_a_list_name_their_entry(people: People) -> None:
    items = [{"key": "a", "flight_id": "x", "user_id": "alice", "seats": 1}, {"key": "b"}]
    refused = await people.alice.post("/api/v1/bookings/bulk", json={"items": items})
    pointers = [error["pointer"] for error in refused.json()["errors"]]
    assert pointers == ["/items/0/flight_id", "/items/1/flight_id", "/items/1/user_id", "/items/1/seats"]


async def test_all_wrong_parameters_are_named_at_once(people: People) -> None:
    refused = await people.alice.get("/api/v1/flights?limit=0&sort=size&min_seats=many&colour=red")
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("colour: Unknown, remove it; limit: Must be at least 1; ")
    errors = {error["parameter"]: error["message"] for error in refused.json()["errors"]}
    assert errors == {
        "colour": "Unknown, remove it",
        "limit": "Must be at least 1",
        "sort": "Must be one of departs_at, -departs_at, price, -price",
        "min_seats": "Must be an integer, not a string",
    }


async def test_a_list_of_many_errors_is_limited(people: People) -> None:
    refused = await people.operator.post("/api/v1/flights", json={f"x{number}": 1 for number in range(200)})
    assert len(refused.json()["errors"]) == 50


async def test_problem_types_are_pages_for_people_and_json_for_programs(people: People) -> None:
    page = await people.anonymous.get("/problems/not-enough-seats", headers={"accept": "text/html,*/*"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "What to do" in page.text
    told = await people.anonymous.get("/problems/not-enough-seats")
    assert told.json()["next_step"]
    for answer in (page, told):
        assert "accept" in answer.headers["vary"]
    assert {route.roles for _, path, route in routes(people) if path == "/problems/{code}" and route} == {
        PUBLIC
    }
