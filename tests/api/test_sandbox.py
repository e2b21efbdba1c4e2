"""A sandbox: its clock is moved by API, holds expire at once, and every answer and event says what it is."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from analytics.schema import migrate
from api.app import create_app
from audit.verify import verify
from database import registry
from database.connection import connect_sync
from ledger.ledger import open_ledger
from tests.api.conftest import SETTINGS, People, client, running, token

CLOCK = "/api/v1/sandbox/clock"
SANDBOX = replace(SETTINGS, sandbox=True)


@pytest.fixture
def sandbox_url(empty_database_url: str) -> str:
    migrate(empty_database_url, is_sandbox=True)
    return empty_database_url


@pytest.fixture
async def visitors(sandbox_url: str) -> AsyncIterator[People]:
    app = create_app(SANDBOX, lambda: open_ledger(sandbox_url, SANDBOX))
    async with running(app):
        yield People.of(app)


async def advance(people: People, duration: str, key: str = "", path: str = CLOCK) -> httpx.Response:
    headers = {"x-idempotency-key": key} if key else {}
    return await people.operator.post(path, json={"advance": duration}, headers=headers)


async def now_of(people: People, path: str = CLOCK) -> datetime:
    return datetime.fromisoformat((await people.alice.get(path)).json()["now"])


async def test_a_hold_expires_as_soon_as_the_clock_has_moved(visitors: People, sandbox_url: str) -> None:
    flight = await visitors.flight(seats=2)
    booking = await visitors.booking(flight)
    moved = await advance(visitors, "PT10M")
    assert (moved.status_code, moved.headers["ledger-position"]) == (200, "3")
    assert datetime.fromisoformat(moved.json()["now"]) <= await now_of(visitors)
    found = (await visitors.alice.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert found["status"] == "cancelled"
    assert (await visitors.pay(booking)).json()["code"] == "hold-expired"
    events = (await visitors.auditor.get("/api/v1/events")).json()["data"]
    assert [event["type"] for event in events] == [
        "flight.scheduled",
        "booking.initiated",
        "sandbox.clock_advanced",
        "booking.cancelled",
    ]
    assert events[2]["data"]["seconds"] == 600
    assert all(event["livemode"] is False for event in events)
    assert verify(sandbox_url, workers=1).ok


async def test_every_clock_of_the_ledger_moves_with_it(visitors: People) -> None:
    flight = await visitors.flight()
    booking = await visitors.booking(flight)
    paid = await visitors.pay(booking, capture="manual")
    before = await now_of(visitors)
    later = (before + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    path = f"/api/v1/bookings/{booking['id']}"
    assert (await visitors.alice.get(path, params={"as_of": later})).status_code == 400
    await advance(visitors, "P1DT1H")
    assert (await visitors.alice.get(path, params={"as_of": later})).status_code == 200
    assert paid.status_code == 201
    assert await now_of(visitors) >= before + timedelta(days=1, hours=1)
    fresh = await visitors.booking(flight)
    assert datetime.fromisoformat(fresh["expires_at"]) > before + timedelta(days=1, hours=1)


async def test_a_flight_departs_when_its_time_has_come(visitors: People) -> None:
    departs = (await now_of(visitors)) + timedelta(hours=30)
    flight = await visitors.flight(
        departs_at=departs.isoformat(), arrives_at=(departs + timedelta(hours=8)).isoformat()
    )
    await advance(visitors, "P2D")
    body = {"flight_id": flight["id"], "user_id": "alice", "seats": 1}
    refused = await visitors.alice.post("/api/v1/bookings", json=body)
    assert refused.json()["code"] == "flight-not-bookable"
    assert (await visitors.alice.get(f"/api/v1/flights/{flight['id']}")).json()["status"] == "departed"


async def test_an_advance_is_a_command_like_others(visitors: People) -> None:
    first = await advance(visitors, "PT1M", "move-1")
    again = await advance(visitors, "PT1M", "move-1")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert (await advance(visitors, "PT2M", "move-1")).json()["code"] == "idempotency-key-reused"
    before = await now_of(visitors)
    dry = await visitors.operator.post(f"{CLOCK}?dry_run=true", json={"advance": "P300D"})
    assert (dry.status_code, dry.headers["dry-run"]) == (200, "true")
    assert await now_of(visitors) - before < timedelta(days=1)
    for caller in (visitors.alice, visitors.auditor, visitors.analyst):
        assert (await caller.post(CLOCK, json={"advance": "PT1M"})).status_code == 403
        assert (await caller.get(CLOCK)).status_code == 200
    assert (await visitors.anonymous.get(CLOCK)).status_code == 401


@pytest.mark.parametrize(
    "duration", ["PT0S", "P401D", "P", "PT", "P1DT", "10M", "-PT1M", "PT1.5S", "PT1M\n", "P1Y", "PT1H1H", ""]
)
async def test_a_duration_is_bounded_and_in_one_form(visitors: People, duration: str) -> None:
    refused = await advance(visitors, duration)
    assert (refused.status_code, refused.json()["livemode"]) == (400, False)


async def test_the_clock_has_an_end(visitors: People, sandbox_url: str) -> None:
    with psycopg.connect(sandbox_url) as connection:
        connection.execute("update ledger.sandbox set ahead = '2199-12-31'::timestamptz - pg_catalog.now()")
    assert (await advance(visitors, "P1D")).json()["code"] == "clock-too-far"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/info",
        "/health/live",
        "/health/ready",
        "/api/v1/flights",
        "/api/v1/bookings",
        "/api/v1/events",
        "/api/v1/audit/head",
        "/api/v1/bookings/x",
        "/nowhere",
        "/api/v1/flights?limit=0",
        f"/{'x' * 9000}",
    ],
)
async def test_every_answer_says_that_it_is_of_a_sandbox(visitors: People, people: People, path: str) -> None:
    answer = await visitors.auditor.get(path)
    assert answer.headers["livemode"] == "false"
    assert answer.json()["livemode"] is False
    live = await people.auditor.get(path)
    assert "livemode" not in live.headers
    assert "livemode" not in live.json()


async def test_other_documents_stay_as_they_are(visitors: People, people: People) -> None:
    document = await visitors.anonymous.get("/openapi.json")
    assert document.headers["livemode"] == "false"
    assert document.json() == (await people.anonymous.get("/openapi.json")).json()
    head = await visitors.auditor.head("/api/v1/flights")
    whole = await visitors.auditor.get("/api/v1/flights")
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_a_flight_that_has_departed_by_the_clock_is_no_304(visitors: People) -> None:
    departs = await now_of(visitors) + timedelta(hours=1)
    times = {"departs_at": departs.isoformat(), "arrives_at": (departs + timedelta(hours=8)).isoformat()}
    flight = await visitors.flight(**times)
    path = f"/api/v1/flights/{flight['id']}"
    tag = {"if-none-match": (await visitors.alice.get(path)).headers["etag"]}
    assert (await visitors.alice.get(path, headers=tag)).status_code == 304
    await advance(visitors, "PT2H")
    after = await visitors.alice.get(path, headers=tag)
    assert (after.status_code, after.json()["status"]) == (200, "departed")


async def test_ids_of_a_sandbox_can_be_recognised(visitors: People) -> None:
    flight = await visitors.flight()
    booking = await visitors.booking(flight)
    body = {"url": "https://hooks.example.com/seatledger"}
    webhook = (await visitors.alice.post("/api/v1/webhooks", json=body)).json()
    for id in (flight["id"], booking["id"], webhook["id"]):
        assert id.split("-")[4].startswith("7e57")


async def test_a_live_server_has_no_clock_to_move(people: People) -> None:
    assert (await people.operator.get(CLOCK)).status_code == 404
    assert (await advance(people, "PT1M")).status_code == 404
    assert (await people.auditor.get("/api/v1/audit/head")).json()["position"] == 0


async def test_the_console_says_that_it_is_of_a_sandbox(visitors: People, people: People) -> None:
    assert "Seatledger sandbox" in (await visitors.anonymous.get("/console")).text
    assert "Seatledger sandbox" not in (await people.anonymous.get("/console")).text


async def test_each_ledger_of_a_sandbox_has_a_clock_of_its_own(
    sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect_sync(sandbox_url, "test", autocommit=False) as connection:
        entry = registry.begin_entry(connection, "ai", ("AI",), None)
        migrate(registry.url_of(entry, sandbox_url), is_sandbox=True)
        registry.add_entry(connection, entry)
    settings = replace(SANDBOX, connections_max=2)
    app = create_app(settings, lambda: open_ledger(sandbox_url, settings))
    async with running(app):
        people = People.of(app)
        assert (await advance(people, "P1D")).status_code == 400
        assert (await advance(people, "P1D", path=f"{CLOCK}?ledger=ai")).status_code == 200
        for _ in range(8):
            ai, main = [await now_of(people, f"{CLOCK}?ledger={name}") for name in ("ai", "main")]
            assert ai - main > timedelta(hours=23)
        limited = client(app, token("op", "operator", ledgers=["main"]))
        hidden = await limited.post(f"{CLOCK}?ledger=ai", json={"advance": "PT1M"})
        assert hidden.json()["code"] == "ledger-not-found"


TAMPERINGS = {
    "update ledger.sandbox set ahead = ahead + interval '1 minute'": "ahead by 660 s, the log says 600 s",
    "delete from ledger.sandbox": "the ledger is no sandbox",
}


@pytest.mark.parametrize("statement", TAMPERINGS)
async def test_verify_compares_the_clock_with_the_log(
    visitors: People, sandbox_url: str, statement: str
) -> None:
    await advance(visitors, "PT10M")
    superuser: Callable[..., Any] = psycopg.connect
    with superuser(sandbox_url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(statement)
    found = verify(sandbox_url, workers=1)
    assert (found.ok, found.first_bad_position) == (False, 1)
    assert TAMPERINGS[statement] in str(found.reason)
