"""Queries over HTTP: positions, pages, ownership and past states."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from api.http import queries
from api.http.streams import EventStream
from api.resources.event_pages import read_event_page
from ledger.log import EventSearch
from tests.api.conftest import People, streams_of


async def pages(caller: httpx.AsyncClient, url: str) -> list[list[dict[str, Any]]]:
    """Follow the links of a list and return all pages."""
    found = []
    link: str | None = url
    while link:
        answer = await caller.get(link)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["data"])
        assert ("next" in answer.links) is (answer.json()["next_cursor"] is not None)
        link = answer.links["next"]["url"] if "next" in answer.links else None
    return found


async def test_every_response_has_its_position_even_without_rows(people: People) -> None:
    for url in ("/api/v1/flights", "/api/v1/bookings", "/api/v1/info"):
        assert (await people.operator.get(url)).headers["ledger-position"] == "0"
    await people.flight()
    for url in ("/api/v1/bookings", "/api/v1/flights/01932c07-5bb0-7aaa-8000-00000000ba17"):
        assert (await people.operator.get(url)).headers["ledger-position"] == "1"


async def test_a_position_that_is_not_reached_in_time_gets_503(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "WAIT_SECONDS_MAX", 0.1)
    late = await people.analyst.get("/api/v1/flights?min_position=1")
    assert (late.status_code, late.headers["retry-after"], late.headers["ledger-position"]) == (503, "1", "0")
    await people.flight()
    assert (await people.analyst.get("/api/v1/flights?min_position=1")).status_code == 200


@pytest.mark.parametrize("sort", ["departs_at", "-departs_at", "price", "-price"])
async def test_pages_of_flights_are_sorted_and_complete(people: People, sort: str) -> None:
    for number in range(7):
        await people.flight(
            number=f"BA{number}",
            departs_at=f"2040-05-{17 - number // 2}T22:45:00Z",
            arrives_at="2040-06-01T00:00:00Z",
            price={"amount": 100 + number % 3, "currency": "INR"},
        )
    found = await pages(people.analyst, f"/api/v1/flights?origin=LHR&sort={sort}&currency=INR&limit=3")
    assert [len(page) for page in found] == [3, 3, 1]
    rows = [row for page in found for row in page]
    key: Callable[[Any], Any] = {
        "departs_at": lambda row: (row["departs_at"], row["id"]),
        "price": lambda row: (row["price"]["amount"], row["id"]),
    }[sort.removeprefix("-")]
    assert rows == sorted(rows, key=key, reverse=sort.startswith("-"))
    assert len({row["id"] for row in rows}) == 7


async def test_flights_can_be_filtered(people: People) -> None:
    small = await people.flight(number="BA1", seats=2, price={"amount": 100, "currency": "INR"})
    large = await people.flight(
        number="BA2", seats=9, destination="BOS", departs_at="2040-05-16T23:45:00-04:00"
    )
    await people.booking(small, seats=1)

    async def found(query: str) -> list[str]:
        answer = await people.analyst.get(f"/api/v1/flights?{query}")
        return [row["id"] for row in answer.json()["data"]]

    assert await found("destination=BOS") == [large["id"]]
    assert await found("date=2040-05-16") == [large["id"]]
    assert await found("max_price=100&currency=INR") == [small["id"]]
    assert await found("min_seats=2") == [large["id"]]
    assert set(await found("min_seats=1")) == {small["id"], large["id"]}
    assert await found("origin=CDG") == []


async def test_a_cursor_is_valid_for_its_own_list_only(people: People) -> None:
    flight = await people.flight()
    for _ in range(3):
        await people.booking(flight, seats=1)
    cursor = (await people.alice.get("/api/v1/bookings?limit=1")).json()["next_cursor"]
    tampered = cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")
    for caller, query in [
        (people.alice, f"cursor={tampered}"),
        (people.alice, "cursor=AAAA"),
        (people.alice, f"cursor={cursor}&status=initiated"),
        (people.bob, f"cursor={cursor}"),
        (people.auditor, f"cursor={cursor}"),
    ]:
        answer = await caller.get(f"/api/v1/bookings?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "cursor")
    assert (await people.alice.get(f"/api/v1/flights?cursor={cursor}")).status_code == 400
    assert [len(page) for page in await pages(people.alice, "/api/v1/bookings?limit=1")] == [1, 1, 1]
    assert (await people.alice.get(f"/api/v1/bookings?cursor={cursor}&limit=2")).status_code == 200


async def test_a_client_finds_its_own_bookings_and_an_auditor_all(people: People) -> None:
    flight = await people.flight()
    booking = await people.booking(flight)

    async def found(caller: httpx.AsyncClient, query: str = "") -> list[str]:
        return [row["id"] for row in (await caller.get(f"/api/v1/bookings?{query}")).json()["data"]]

    assert await found(people.alice) == await found(people.auditor) == [booking["id"]]
    assert await found(people.bob) == await found(people.bob, "user_id=alice") == []
    assert await found(people.operator, f"user_id=alice&flight_id={flight['id']}&status=initiated")
    assert await found(people.operator, "status=cancelled") == []


async def test_another_users_booking_looks_like_an_unknown_one(people: People) -> None:
    booking = await people.booking(await people.flight())
    unknown = "01932c07-5bb0-7aaa-8000-00000000ba17"

    def post(suffix: str) -> Callable[[str], Awaitable[httpx.Response]]:
        return lambda id: people.bob.post(f"/api/v1/bookings/{id}{suffix}", headers={"if-match": '"v9"'})

    def get(suffix: str) -> Callable[[str], Awaitable[httpx.Response]]:
        return lambda id: people.bob.get(f"/api/v1/bookings/{id}{suffix}")

    for ask in (get(""), get("?version=1"), get("?position=1"), get("/history"), post("/cancel")):
        theirs, none = await ask(booking["id"]), await ask(unknown)
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert without_ids(theirs, booking["id"]) == without_ids(none, unknown)
    assert (await people.bob.get("/api/v1/bookings/not-an-id")).status_code == 404


async def test_a_booking_has_one_url(people: People) -> None:
    id = (await people.booking(await people.flight()))["id"]
    assert (await people.alice.get(f"/api/v1/bookings/{id}")).status_code == 200
    for other in (id.replace("-", ""), f"{{{id}}}", f"urn:uuid:{id}"):
        assert (await people.alice.get(f"/api/v1/bookings/{other}")).status_code == 404


async def test_a_flight_is_not_found_as_a_booking(people: People) -> None:
    flight = await people.flight()
    for suffix in ("", "?version=1", "/history"):
        answer = await people.auditor.get(f"/api/v1/bookings/{flight['id']}{suffix}")
        assert (answer.status_code, answer.json()["code"]) == (404, "booking-not-found")


def without_ids(answer: httpx.Response, id: str) -> tuple[str, set[str]]:
    return answer.text.replace(answer.headers["x-request-id"], "").replace(id, ""), set(answer.headers)


async def test_past_states_of_a_booking_can_be_retrieved(people: People) -> None:
    booking = await people.booking(await people.flight())
    paid = (await people.pay(booking)).json()["booking"]
    url = f"/api/v1/bookings/{booking['id']}"
    events = (await people.alice.get(f"{url}/history")).json()["events"]
    assert [event["type"] for event in events] == [
        "booking.initiated",
        "booking.payment_pending",
        "booking.booked",
    ]
    assert [event["status_after"] for event in events] == ["initiated", "pending", "booked"]
    assert [event["version"] for event in events] == [1, 2, 3]
    assert all(len(event["hash"]) == 64 and isinstance(event["data"], dict) for event in events)
    made = datetime.fromisoformat(events[0]["recorded_at"])
    for moment, expected in [
        ("version=1", booking),
        ("version=3", paid),
        ("position=2", booking),
        ("position=4", paid),
        (f"as_of={events[0]['recorded_at']}", booking),
        ("position=1", None),
        (f"as_of={(made - timedelta(microseconds=1)).isoformat().replace('+00:00', 'Z')}", None),
    ]:
        answer = await people.alice.get(f"{url}?{moment}")
        if expected is None:
            assert answer.status_code == 404, moment
        else:
            assert answer.json() == expected, moment
            assert answer.headers["etag"] == f'"v{expected["version"]}"'


async def test_a_version_that_does_not_exist_yet_is_not_found(people: People) -> None:
    booking = await people.booking(await people.flight())
    url = f"/api/v1/bookings/{booking['id']}?version="
    answer = await people.alice.get(f"{url}2")
    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (
        404,
        "version-not-found",
        1,
    )
    of_another = await people.bob.get(f"{url}2")
    assert (of_another.status_code, of_another.json()["code"]) == (404, "booking-not-found")


FAR = 10**15


@pytest.mark.parametrize("path", ["/flights/{flight_id}/availability", "/bookings/{id}"])
async def test_a_state_in_the_future_is_refused(people: People, path: str) -> None:
    booking = await people.booking(await people.flight())
    url = f"/api/v1{path.format(**booking)}"
    answer = await people.alice.get(f"{url}?as_of=2999-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "as_of")


async def test_no_route_answers_for_a_position_beyond_the_head(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "WAIT_SECONDS_MAX", 0.05)
    booking = await people.booking(await people.flight())
    document = (await people.anonymous.get("/openapi.json")).json()
    asked = [
        (path, parameter["name"])
        for path, item in document["paths"].items()
        for parameter in item.get("get", {}).get("parameters", ())
        if parameter["name"] in ("min_position", "position", "after")
        and path != "/api/v1/sandbox/clock"  # a live ledger has none, at any position
    ]
    assert len(asked) > 20
    for path, name in asked:
        id = booking["flight_id" if path.startswith("/api/v1/flights/") else "id"]
        url = path.format(id=id, actor="alice", operation="pay_booking", key="k")
        async with asyncio.timeout(10):  # a stream that is not refused has no end
            answer = await people.operator.get(f"{url}?{name}={FAR}")
        code = answer.json().get("code")
        assert (answer.status_code, code) == (503, "position-not-reached"), (path, name)
        assert (answer.headers["retry-after"], answer.headers["ledger-position"]) == ("1", "2")


async def test_a_stream_ends_when_the_log_becomes_shorter_than_its_position(
    people: People, tamper: Callable[[str], Any]
) -> None:
    await people.booking(await people.flight())
    ledger, search = people.app.state.shared.ledgers.main, EventSearch()
    async with ledger.read() as connection:
        first_page = await read_event_page(connection, ledger, search, 0, 200, False)
    stream = EventStream(
        streams_of(people), ledger, search, False, first_page, time.time() + 60, nullcontext()
    )
    tamper("delete from ledger.events where position = 2")
    page = await stream._page(2)
    assert page is None
    page = await stream._page(1)
    assert page is not None
    assert page.events == []


async def test_a_position_that_is_reached_in_time_is_answered(people: People) -> None:
    flight = await people.flight()
    waiting = asyncio.create_task(people.auditor.get("/api/v1/events?after=2"))
    booking = await people.booking(flight)
    assert (await waiting).json()["data"] == []
    await people.pay(booking)
    assert len((await people.auditor.get("/api/v1/events?after=2")).json()["data"]) == 2


async def test_an_unknown_type_of_event_is_refused_with_the_list(people: People) -> None:
    for type in ("%00", "booking.bookd", "", "BOOKING.BOOKED", "%F0%9F%98%80", "x" * 3000):
        for path in ("/events", "/events/stream"):
            answer = await people.auditor.get(f"/api/v1{path}?type={type}")
            assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "type")
    answer = await people.auditor.get("/api/v1/events?type=booking.bookd")
    assert "booking.initiated" in answer.json()["detail"]
