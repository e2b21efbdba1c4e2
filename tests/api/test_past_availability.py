"""Past availability of a flight equals a fold of the log up to that position or time."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from api.app import create_app
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.api.conftest import SECRET, People, client, running, token

CUTS = 300
HOLD_SECONDS = 1
SETTINGS = Settings(jwt_secret=SECRET, hold_seconds=HOLD_SECONDS, capture_seconds=2)


@pytest.fixture
async def short_holds(database_url: str) -> AsyncIterator[People]:
    """Yield clients of an application with holds that last HOLD_SECONDS."""
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        callers = [client(app, token(name, role)) for name, role in _CALLERS]
        yield People(app, client(app), *callers)


_CALLERS = [
    ("operator", "operator"),
    ("alice", "client"),
    ("bob", "client"),
    ("auditor", "auditor"),
    ("analyst", "analyst"),
]


async def test_past_availability_equals_a_fold_of_the_log_up_to_then(short_holds: People) -> None:
    flights = [await short_holds.flight(number=f"BA{n}", seats=12) for n in range(3)]
    dice = Random(7)
    for wave in range(2):
        await asyncio.gather(*(_book_and_pay(short_holds, flights, Random(10 * n + wave)) for n in range(12)))
        await _wait_until_no_seat_is_held(short_holds, flights)
    log = await _log(short_holds)
    for _ in range(CUTS):
        flight, cut = dice.choice(flights)["id"], dice.randint(1, len(log))
        instant = _time(log[cut - 1])
        assert await _availability(short_holds, flight, position=cut) == _fold(log[:cut], flight, instant)
        # Times between events, when holds expire, and never in the future, which would mean now.
        instant += timedelta(microseconds=dice.choice([0, 1, 500, 400_000, 1_000_000]))
        instant = min(instant, datetime.now(UTC))
        prefix = [event for event in log if _time(event) <= instant]
        result = await _availability(short_holds, flight, as_of=instant.isoformat())
        assert result == _fold(prefix, flight, instant)


async def test_there_is_no_availability_before_the_flight_was_scheduled(short_holds: People) -> None:
    first, second = await short_holds.flight(), await short_holds.flight(number="BA2")
    await short_holds.booking(first)
    path = f"/api/v1/flights/{second['id']}/availability"
    assert (await short_holds.alice.get(path, params={"position": 1})).status_code == 404
    assert (await short_holds.alice.get(path, params={"as_of": "2020-01-01T00:00:00Z"})).status_code == 404
    now = (await short_holds.alice.get(path)).json()
    assert (await short_holds.alice.get(path, params={"position": 3})).json() == now
    both = {"position": 1, "as_of": "2020-01-01T00:00:00Z"}
    assert (await short_holds.alice.get(path, params=both)).status_code == 400


async def _book_and_pay(people: People, flights: list[dict[str, Any]], dice: Random) -> None:
    for _ in range(4):
        flight = dice.choice(flights)
        body = {"flight_id": flight["id"], "user_id": "alice", "seats": dice.randint(1, 3)}
        answer = await people.alice.post("/api/v1/bookings", json=body)
        if answer.status_code == 201:
            action = dice.random()
            if action < 0.4:
                await people.pay(answer.json(), key=answer.json()["id"])
            elif action < 0.7:
                await people.alice.post(f"/api/v1/bookings/{answer.json()['id']}/cancel", json={})


async def _wait_until_no_seat_is_held(people: People, flights: list[dict[str, Any]]) -> None:
    deadline = time.monotonic() + 10 * HOLD_SECONDS
    for flight in flights:
        while (await _availability(people, flight["id"]) or (0, 0))[1]:
            assert time.monotonic() < deadline


async def _log(people: People) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while True:
        page = (await people.operator.get(f"/api/v1/events?after={len(events)}&limit=200")).json()["data"]
        if not page:
            return events
        events += page


async def _availability(people: People, flight_id: str, **instant: Any) -> tuple[int, int, int, int] | None:
    answer = await people.analyst.get(f"/api/v1/flights/{flight_id}/availability", params=instant)
    body = answer.json()
    if answer.status_code == 404:
        return None
    return body["seats"], body["held"], body["booked"], body["available"]


def _time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["recorded_at"])


def _fold(
    events: list[dict[str, Any]], flight_id: str, instant: datetime
) -> tuple[int, int, int, int] | None:
    """Fold the events without the code of the program."""
    seats, bookings = 0, {}
    for event in events:
        data, id = event["data"], event["originator_id"]
        match event["type"]:
            case "flight.scheduled" if id == flight_id:
                seats = data["seats"]
            case "booking.initiated" if data["flight_id"] == flight_id:
                bookings[id] = ["held", data["seats"], datetime.fromisoformat(data["expires_at"])]
            case "booking.booked" if id in bookings:
                bookings[id][0] = "booked"
            case "booking.cancelled":
                bookings.pop(id, None)
    held = sum(n for status, n, until in bookings.values() if status == "held" and until > instant)
    booked = sum(n for status, n, _ in bookings.values() if status == "booked")
    return (seats, held, booked, seats - held - booked) if seats else None
