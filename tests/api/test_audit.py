"""The log over HTTP, and a check of its hash chain with SHA-256 only."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ledger import log
from tests.api.conftest import People
from tests.docs.test_readme import blocks


async def _walk(people: People, query: str = "") -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    address = f"/api/v1/events?limit=2{query}"
    while address:
        answer = await people.auditor.get(address)
        assert answer.status_code == 200, answer.text
        events += answer.json()["data"]
        address = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
    return events


async def test_pages_of_events_are_dense_and_in_position_order(people: People) -> None:
    flight = await people.flight()
    for _ in range(3):
        await people.booking(flight)
    assert [event["position"] for event in await _walk(people)] == [1, 2, 3, 4]
    assert [event["position"] for event in await _walk(people, "&after=2")] == [3, 4]


async def test_events_can_be_filtered_by_type_booking_and_flight(people: People) -> None:
    flight, other = await people.flight(), await people.flight(number="BA118")
    booking = await people.booking(flight)
    await people.booking(other)
    await people.pay(booking)
    assert [e["position"] for e in await _walk(people, f"&booking_id={booking['id']}")] == [3, 5, 6]
    assert [e["position"] for e in await _walk(people, f"&flight_id={flight['id']}")] == [1, 3, 5, 6]
    assert [e["position"] for e in await _walk(people, "&type=flight.scheduled")] == [1, 2]


async def test_a_search_for_a_rare_type_scans_a_limited_range_per_page(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SCANNED_MAX", 2)
    flight = await people.flight()
    booking = await people.booking(flight)
    for _ in range(4):
        await people.booking(flight, 1)
    await people.flight(number="BA118")
    pages = []
    address = "/api/v1/events?type=flight.scheduled"
    while address:
        answer = await people.auditor.get(address)
        pages.append([event["position"] for event in answer.json()["data"]])
        assert answer.headers["ledger-position"] == "7"
        address = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
    assert pages == [[1], [], [], [7]]
    assert [e["position"] for e in await _walk(people, "&type=flight.scheduled")] == [1, 7]
    # An index finds the events of a booking, so no range is scanned.
    one = await people.auditor.get(f"/api/v1/events?booking_id={booking['id']}&type=booking.initiated")
    assert (len(one.json()["data"]), one.json()["next_cursor"]) == (1, None)
    assert len((await people.auditor.get("/api/v1/events")).json()["data"]) == 7


async def test_the_hash_chain_can_be_recomputed_from_the_responses(people: People) -> None:
    await people.pay(await people.booking(await people.flight()))
    raw = (await people.auditor.get("/api/v1/events")).text
    head = (await people.auditor.get("/api/v1/audit/head")).json()
    previous = bytes(32)
    for event in (await people.auditor.get("/api/v1/events")).json()["data"]:
        state = (
            raw.split(f'"position":{event["position"]},')[1].split('"data":')[1].split(',"command_hash"')[0]
        )
        microseconds = round(datetime.fromisoformat(event["recorded_at"]).timestamp() * 1_000_000)
        lines = [
            *(event[name] for name in ("position", "originator_id", "version", "type")),
            state,
            *(event[name] for name in ("actor", "operation", "ordinal", "causation_id", "correlation_id")),
            *(event["traceparent"], microseconds, event["command_hash"]),
        ]
        previous = hashlib.sha256(previous + "\n".join(map(str, lines)).encode()).digest()
        assert event["hash"] == previous.hex()
    assert (head["position"], head["hash"]) == (4, previous.hex())


async def test_an_empty_log_has_a_head(people: People) -> None:
    answer = await people.auditor.get("/api/v1/audit/head")
    assert answer.json() == {"position": 0, "hash": "0" * 64, "recorded_at": None}


async def test_clients_cannot_read_the_head_of_the_log(people: People) -> None:
    assert (await people.alice.get("/api/v1/audit/head")).status_code == 403
    for address in ("/api/v1/events", "/api/v1/events/stream"):
        assert (await people.analyst.get(address)).status_code == 403


@pytest.mark.parametrize("streams_max", [log.STREAMS_MAX, 1])
async def test_a_client_gets_the_events_of_its_own_bookings_and_parties_alone(
    people: People, monkeypatch: pytest.MonkeyPatch, streams_max: int
) -> None:
    """By the index of its bookings and, for a client with too many of them, by a scan of the log."""
    monkeypatch.setattr(log, "STREAMS_MAX", streams_max)
    monkeypatch.setattr(log, "SCANNED_MAX", 3)
    flight = await people.flight(seats=2)
    assert (await people.alice.get("/api/v1/events")).json() == {"data": [], "next_cursor": None}
    booking = await people.booking(flight)
    party = {"user_id": "bob", "seats": 1}
    waiting = (await people.bob.post(f"/api/v1/flights/{flight['id']}/waitlist", json=party)).json()
    await people.pay(booking)
    await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")

    async def events(caller: Any, query: str = "") -> list[Any]:
        found, cursor = [], ""
        while cursor is not None:
            page = (await caller.get(f"/api/v1/events?limit=2{query}{cursor}")).json()
            found += page["data"]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        return found

    logged = await events(people.auditor)
    offered = next(event for event in logged if event["type"] == "waiting.offered")["data"]["booking_id"]
    own = {"alice": {booking["id"]}, "bob": {waiting["id"], offered}}
    for name, ids in own.items():
        caller = getattr(people, name)
        expected = [event for event in logged if event["originator_id"] in ids]
        assert await events(caller) == expected
        assert await events(caller, f"&flight_id={flight['id']}") == expected
        cancelled = [event for event in expected if event["type"] == "booking.cancelled"]
        assert await events(caller, "&type=booking.cancelled") == cancelled
        assert await events(caller, f"&after={expected[0]['position']}") == expected[1:]
    assert await events(people.bob, f"&booking_id={booking['id']}") == []
    assert await events(people.bob, f"&booking_id={flight['id']}") == []


async def test_the_documented_function_returns_the_hashes_of_events(people: People, checkout: Path) -> None:
    (code,) = blocks(checkout / "docs" / "reference" / "chain.md", "python")
    documented: dict[str, Any] = {}
    exec(code, documented)
    flight = await people.flight()
    booking = await people.booking(flight)
    await people.pay(booking)
    await people.alice.post(
        f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "Zoë \U0001f600 </x>"}
    )
    before = "00" * 32
    events = await _walk(people, "&sealed=true")
    assert len(events) == 6
    for event in events:
        assert documented["hash_of"](event, before) == event["hash"]
        before = event["hash"]
