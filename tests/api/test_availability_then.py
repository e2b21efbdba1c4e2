"""Availability at any moment: what a fold of that prefix of the log says, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from api.app import create_app
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.api.conftest import SECRET, People, client, running, token

CUTS = 300
SETTINGS = Settings(jwt_secret=SECRET, hold_seconds=1, capture_seconds=2)


@pytest.fixture
async def hasty(database_url: str) -> AsyncIterator[People]:
    """Holds last a second."""
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        callers = [client(app, token(name, role)) for name, role in _WHO]
        yield People(app, client(app), *callers)


_WHO = [
    ("operator", "operator"),
    ("alice", "client"),
    ("bob", "client"),
    ("auditor", "auditor"),
    ("analyst", "analyst"),
]


async def test_at_every_cut_it_is_the_fold_of_the_prefix(hasty: People) -> None:
    flights = [await hasty.flight(number=f"BA{n}", seats=12) for n in range(3)]
    dice = Random(7)
    await asyncio.gather(*(_live(hasty, flights, Random(n)) for n in range(12)))
    log = await _log(hasty)
    # All instants that are asked for lie in the past: one that is still to come would mean now.
    await asyncio.sleep(0.5)
    for _ in range(CUTS):
        flight, cut = dice.choice(flights)["id"], dice.randint(1, len(log))
        time = _time(log[cut - 1])
        assert await _shown(hasty, flight, position=cut) == _fold(log[:cut], flight, time)
        # Between this event and the next, or somewhat after the last.
        time += timedelta(microseconds=dice.choice([0, 1, 500, 400_000]))
        prefix = [event for event in log if _time(event) <= time]
        assert await _shown(hasty, flight, as_of=time.isoformat()) == _fold(prefix, flight, time)


async def test_before_the_flight_there_is_none_and_the_future_is_now(hasty: People) -> None:
    first, second = await hasty.flight(), await hasty.flight(number="BA2")
    await hasty.booking(first)
    path = f"/api/v1/flights/{second['id']}/availability"
    assert (await hasty.alice.get(path, params={"position": 1})).status_code == 404
    assert (await hasty.alice.get(path, params={"as_of": "2020-01-01T00:00:00Z"})).status_code == 404
    now = (await hasty.alice.get(path)).json()
    assert (await hasty.alice.get(path, params={"as_of": "2090-01-01T00:00:00Z"})).json() == now
    assert (await hasty.alice.get(path, params={"position": 10**9})).json() == now
    both = {"position": 1, "as_of": "2020-01-01T00:00:00Z"}
    assert (await hasty.alice.get(path, params=both)).status_code == 400


async def _live(people: People, flights: list[dict[str, Any]], dice: Random) -> None:
    for _ in range(8):
        flight = dice.choice(flights)
        body = {"flight_id": flight["id"], "user_id": "alice", "seats": dice.randint(1, 3)}
        answer = await people.alice.post("/api/v1/bookings", json=body)
        if answer.status_code == 201:
            deed = dice.random()
            if deed < 0.4:
                await people.pay(answer.json(), key=answer.json()["id"])
            elif deed < 0.7:
                await people.alice.post(f"/api/v1/bookings/{answer.json()['id']}/cancel", json={})
        await asyncio.sleep(dice.random() / 4)


async def _log(people: People) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while True:
        page = (await people.operator.get(f"/api/v1/events?after={len(events)}&limit=200")).json()["data"]
        if not page:
            return events
        events += page


async def _shown(people: People, flight_id: str, **instant: Any) -> tuple[int, int, int, int] | None:
    answer = await people.analyst.get(f"/api/v1/flights/{flight_id}/availability", params=instant)
    shown = answer.json()
    if answer.status_code == 404:
        return None
    return shown["seats"], shown["held"], shown["booked"], shown["available"]


def _time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["recorded_at"])


def _fold(events: list[dict[str, Any]], flight_id: str, time: datetime) -> tuple[int, int, int, int] | None:
    """By nothing but the events' own words."""
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
    held = sum(n for how, n, until in bookings.values() if how == "held" and until > time)
    booked = sum(n for how, n, _ in bookings.values() if how == "booked")
    return (seats, held, booked, seats - held - booked) if seats else None
