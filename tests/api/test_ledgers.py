"""One API for five ledgers on three servers: each request finds its ledger, and lists merge them."""

import asyncio
import itertools
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics.schema import migrate
from api.app import create_app
from api.http import served_ledgers
from api.http.served_ledgers import ServedLedgers
from api.main import openers
from audit.verify import verify
from cli.ledger_move import move_ledger
from database import registry
from database.connection import connect_sync
from database.embedded import remove_database, running_database
from ledger.ids import number_in
from ledger.ledger import open_ledger
from ledger.submission import Unavailable
from tests.api.conftest import BA117, SETTINGS, People, client, running, token
from tests.memory import make_database_folder
from tests.waiting import await_until
from trials.programs.embedded import Server
from trials.programs.processes import send

CARRIERS = {"ai": ("AI", "IX"), "ba": ("BA",), "lh": ("LH",), "af": ("AF",)}
FAR = {"lh": "LH_URL", "af": "AF_URL"}
"""Ledgers on other servers, and the variable with the connection string of each."""

Rows = Callable[..., list[Any]]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def far_folders() -> Iterator[dict[str, Path]]:
    """The data folders of two more servers, by the variable that names each server."""
    data = {variable: make_database_folder("seatledger-far-") for variable in FAR.values()}
    yield data
    for each in data.values():
        remove_database(each)
        shutil.rmtree(each)


@pytest.fixture(scope="module")
def far_servers(far_folders: dict[str, Path]) -> Iterator[dict[str, str]]:
    """Two more servers, by the variable that names them."""
    lh, af = (running_database(None, far_folders[variable]) for variable in ("LH_URL", "AF_URL"))
    with lh as lh_url, af as af_url:
        yield {"LH_URL": lh_url, "AF_URL": af_url}


@pytest.fixture
def deployment(
    database_url: str, far_servers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The connection string of each of five ledgers, by name."""
    name = f"far_{next(_numbers)}"
    for variable, url in far_servers.items():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        monkeypatch.setenv(variable, make_conninfo(url, dbname=name))
    for ledger, carriers in CARRIERS.items():
        with connect_sync(database_url, "test", autocommit=False) as connection:
            entry = registry.begin_entry(connection, ledger, carriers, FAR.get(ledger))
            migrate(registry.url_of(entry, database_url))
            registry.add_entry(connection, entry)
    with connect_sync(database_url, "test") as connection:
        entries = registry.read_sync(connection)
    return {entry.name: registry.url_of(entry, database_url) for entry in entries}


@pytest.fixture
async def people(database_url: str, deployment: dict[str, str]) -> AsyncIterator[People]:
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        yield People.of(app)


def ledgers_of(people: People) -> ServedLedgers:
    ledgers: ServedLedgers = people.app.state.shared.ledgers
    return ledgers


async def flights_in_all(people: People, seats: int = 10) -> dict[str, dict[str, Any]]:
    """Schedule one flight in each ledger."""
    numbers = {"main": "QF1", "ai": "AI2", "ba": "BA3", "lh": "LH4", "af": "AF5"}
    return {
        name: await people.flight(number=number, departs_at=f"2040-05-1{day}T10:00:00Z", seats=seats)
        for day, (name, number) in enumerate(numbers.items())
    }


async def test_each_command_and_query_goes_to_its_ledger(people: People, deployment: dict[str, str]) -> None:
    flights = await flights_in_all(people)
    for number, (name, flight) in enumerate(flights.items()):
        assert number_in(UUID(flight["id"])) == number
        booking = await people.booking(flight)
        assert number_in(UUID(booking["id"])) == number
        paid = await people.pay(booking)
        assert (paid.status_code, paid.headers["ledger"]) == (201, name)
        again = await people.pay(booking)
        assert again.headers["idempotency-replayed"] == "true"
        for path in (
            f"bookings/{booking['id']}",
            f"bookings/{booking['id']}/history",
            f"flights/{flight['id']}",
        ):
            found = await people.alice.get(f"/api/v1/{path}")
            assert (found.status_code, found.headers["ledger"]) == (200, name), path
            assert found.headers["ledger-position"] == "4"
        free = await people.alice.get(f"/api/v1/flights/{flight['id']}/availability")
        assert free.json()["booked"] == 2
        cancelled = await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")
        assert (cancelled.status_code, cancelled.headers["ledger"]) == (200, name)
    for url in deployment.values():
        verified = verify(url, workers=1)
        assert (verified.ok, verified.checked) == (True, 6)


async def test_all_ledgers_of_a_database_share_the_connections_of_the_program(
    database_url: str, deployment: dict[str, str]
) -> None:
    open_main, open_other = openers(replace(SETTINGS, database_url=database_url))
    with connect_sync(database_url, "test") as connection:
        entries = {entry.name: entry for entry in registry.read_sync(connection)}
    async with open_main() as main, open_other(entries["ai"]) as ai, open_other(entries["lh"]) as far:
        assert ai.pool is main.pool
        assert far.pool is not main.pool


async def test_a_carrier_that_no_ledger_takes_is_refused(people: People, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        registry.change_carriers(connection, "main", ["QF"])
    await ledgers_of(people).refresh()
    refused = await people.operator.post("/api/v1/flights", json={**BA117, "number": "ZZ1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "carrier-not-here")
    assert (await people.flight(number="QF1"))["number"] == "QF1"


async def test_an_id_that_no_ledger_made_is_unknown(people: People) -> None:
    for id in ("01890000-0000-7fff-8000-000000000001", "01890000-0000-7001-8000-000000000001"):
        found = await people.operator.get(f"/api/v1/bookings/{id}")
        assert (found.status_code, found.json()["code"]) == (404, "booking-not-found")
    assert (await people.operator.get("/api/v1/bookings/nonsense")).status_code == 404


async def test_lists_merge_all_ledgers_in_order(people: People) -> None:
    flights = await flights_in_all(people)
    bookings = [await people.booking(flight, seats=1) for flight in flights.values() for _ in range(2)]
    for booking in bookings:
        await people.pay(booking, key=booking["id"])
        await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")
    listed = await people.alice.get("/api/v1/flights?limit=3")
    assert [flight["number"] for flight in listed.json()["data"]] == ["QF1", "AI2", "BA3"]
    assert listed.headers["ledger"] == "main, ai, ba, lh, af"
    assert listed.headers["ledger-position"].startswith("main=11, ai=11, ba=11")
    rest = await people.alice.get(listed.links["next"]["url"])
    assert [flight["number"] for flight in rest.json()["data"]] == ["LH4", "AF5"]
    assert rest.json()["next_cursor"] is None
    latest = (await people.alice.get("/api/v1/flights?sort=-departs_at")).json()["data"]
    assert [flight["number"] for flight in latest] == ["AF5", "LH4", "BA3", "AI2", "QF1"]
    mine = (await people.alice.get("/api/v1/bookings?limit=7")).json()
    rest = (await people.alice.get(f"/api/v1/bookings?limit=7&cursor={mine['next_cursor']}")).json()
    assert [one["id"] for one in mine["data"] + rest["data"]] == [one["id"] for one in reversed(bookings)]
    assert {one["user_id"] for one in mine["data"]} == {"alice"}
    assert (await people.bob.get("/api/v1/bookings")).json()["data"] == []
    refunds = (await people.operator.get("/api/v1/refunds")).json()["data"]
    assert len(refunds) == 10
    assert [one["id"] for one in refunds] == sorted(one["id"] for one in refunds)
    narrowed = await people.alice.get("/api/v1/flights?ledger=lh")
    assert [flight["number"] for flight in narrowed.json()["data"]] == ["LH4"]
    assert (narrowed.headers["ledger"], narrowed.headers["ledger-position"]) == ("lh", "11")


async def test_waiting_parties_of_all_ledgers_are_listed(people: People) -> None:
    flights = await flights_in_all(people, seats=1)
    for flight in flights.values():
        await people.booking(flight, seats=1)
        joined = await people.bob.post(
            f"/api/v1/flights/{flight['id']}/waitlist", json={"user_id": "bob", "seats": 1}
        )
        assert joined.status_code == 201
    waiting = (await people.bob.get("/api/v1/waitlist")).json()["data"]
    assert [one["flight_id"] for one in waiting] == [flight["id"] for flight in flights.values()]


async def test_pages_over_all_ledgers_have_each_row_once_while_rows_are_added(people: People) -> None:
    flights = await flights_in_all(people, seats=300)
    before = [(await people.booking(flight, seats=1))["id"] for flight in flights.values() for _ in range(6)]
    done = asyncio.Event()

    async def add() -> None:
        for flight in itertools.cycle(flights.values()):
            if done.is_set():
                return
            await people.booking(flight, seats=1)

    adding = asyncio.create_task(add())
    seen, cursor = [], ""
    while cursor is not None:
        answer = (await people.alice.get(f"/api/v1/bookings?limit=4{cursor}")).json()
        seen += [one["id"] for one in answer["data"]]
        cursor = answer["next_cursor"] and f"&cursor={answer['next_cursor']}"
    done.set()
    await adding
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen, reverse=True)
    assert set(before) <= set(seen)


async def test_own_writes_are_read_from_several_ledgers(people: People) -> None:
    await flights_in_all(people)
    found = await people.alice.get("/api/v1/flights?min_position=ai=1,af=1")
    assert found.status_code == 200
    late = await people.alice.get("/api/v1/flights?min_position=ai=9")
    assert (late.status_code, late.json()["code"]) == (503, "position-not-reached")
    plain = await people.alice.get("/api/v1/flights?min_position=1")
    assert plain.status_code == 400
    assert "name them, like main=120,ai=45" in plain.text
    assert (await people.alice.get("/api/v1/flights?ledger=ai&min_position=1")).status_code == 200
    for wrong in ("ai=", "ai=-1", "=1", "ai=1;b=2", "ai=x"):
        assert (await people.alice.get(f"/api/v1/flights?min_position={wrong}")).status_code == 400, wrong


async def test_reads_of_one_log_need_its_name(people: People) -> None:
    await flights_in_all(people)
    for path in (
        "events",
        "audit/head",
        "audit/checkpoint",
        "events/stream",
        "commands/a/initiate_booking/b",
    ):
        refused = await people.auditor.get(f"/api/v1/{path}")
        assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (400, "ledger"), path
        assert "main, ai, ba, lh, af" in refused.text
    events = await people.auditor.get("/api/v1/events?ledger=lh")
    assert [event["type"] for event in events.json()["data"]] == ["flight.scheduled"]
    assert events.headers["ledger"] == "lh"
    head = await people.auditor.get("/api/v1/audit/head?ledger=main")
    assert head.json()["position"] == 1
    unknown = await people.auditor.get("/api/v1/events?ledger=xx")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ledger-not-found")


async def test_a_token_can_be_limited_to_some_ledgers(people: People) -> None:
    flights = await flights_in_all(people)
    limited = client(people.app, token("carl", "client", ledgers=["ai", "lh"]))
    listed = await limited.get("/api/v1/flights")
    assert [flight["number"] for flight in listed.json()["data"]] == ["AI2", "LH4"]
    body = {"user_id": "carl", "seats": 1}
    hold = await limited.post("/api/v1/bookings", json={**body, "flight_id": flights["ai"]["id"]})
    assert hold.status_code == 201
    hidden = await limited.post("/api/v1/bookings", json={**body, "flight_id": flights["ba"]["id"]})
    assert (hidden.status_code, hidden.json()["code"]) == (404, "ledger-not-found")
    for path in (f"flights/{flights['ba']['id']}", "flights?ledger=ba", "flights?ledger=nowhere"):
        assert (await limited.get(f"/api/v1/{path}")).status_code == 404
    wrong = client(people.app, token("carl", "client", ledgers="ai"))
    assert (await wrong.get("/api/v1/flights")).status_code == 401


async def test_a_retired_ledger_answers_queries_only(people: People, database_url: str) -> None:
    flights = await flights_in_all(people)
    with psycopg.connect(database_url, autocommit=True) as connection:
        registry.retire(connection, "ai")
    await ledgers_of(people).refresh()
    body = {"flight_id": flights["ai"]["id"], "user_id": "alice", "seats": 1}
    refused = await people.alice.post("/api/v1/bookings", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "ledger-retired")
    assert (await people.alice.get(f"/api/v1/flights/{flights['ai']['id']}")).status_code == 200


async def test_a_bulk_belongs_to_one_ledger(people: People) -> None:
    flights = await flights_in_all(people)
    items = [
        {"key": name, "flight_id": flights[name]["id"], "user_id": "alice", "seats": 1}
        for name in ("ai", "lh")
    ]
    mixed = await people.alice.post("/api/v1/bookings/bulk", json={"items": items})
    assert (mixed.status_code, mixed.json()["code"]) == (409, "ledgers-mixed")
    assert mixed.json()["ledgers"] == ["ai", "lh"]
    one = await people.alice.post("/api/v1/bookings/bulk", json={"items": items[1:]})
    assert (one.json()["results"][0]["status"], one.headers["ledger"]) == (201, "lh")


async def test_an_itinerary_belongs_to_one_ledger(people: People) -> None:
    flights = await flights_in_all(people)
    both = [{"flight_id": flights[name]["id"], "seats": 1} for name in ("ai", "lh")]
    address, body = "/api/v1/itineraries", {"user_id": "alice", "bookings": both}
    mixed = await people.alice.post(address, json=body)
    assert (mixed.status_code, mixed.json()["code"]) == (409, "ledgers-mixed")
    assert mixed.json()["ledgers"] == ["ai", "lh"]
    one = await people.alice.post(address, json=body | {"bookings": both[1:] * 2})
    assert (one.status_code, one.headers["ledger"]) == (201, "lh")
    payment = {"itinerary_id": one.json()["id"], "user_id": "alice", "total_cost": one.json()["total_cost"]}
    paid = await people.alice.post(f"{address}/payments", json=payment, headers={"x-idempotency-key": "p"})
    assert (paid.status_code, paid.headers["ledger"]) == (201, "lh")
    listed = (await people.alice.get(address)).json()["data"]
    assert [row["id"] for row in listed] == [one.json()["id"]]


async def test_a_server_that_is_down_holds_up_no_other_ledger(
    people: People, deployment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flights = await flights_in_all(people)
    with psycopg.connect(os.environ["LH_URL"], autocommit=True) as connection:
        name = connection.info.dbname
    with psycopg.connect(
        make_conninfo(os.environ["LH_URL"], dbname="postgres"), autocommit=True
    ) as connection:
        connection.execute(f"alter database {name} allow_connections false".encode())
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            booking = await people.booking(flights["ai"])
            assert (await people.alice.get(f"/api/v1/bookings/{booking['id']}")).status_code == 200
            down = await people.alice.get(f"/api/v1/flights/{flights['lh']['id']}")
            assert (down.status_code, down.headers["ledger"]) == (503, "lh")
            listed = await people.alice.get("/api/v1/flights")
            assert (listed.status_code, listed.json()["code"]) == (503, "ledger-unavailable")
            assert listed.json()["ledger"] == "lh"
            partial = await people.alice.get("/api/v1/flights?partial=true")
            assert [flight["number"] for flight in partial.json()["data"]] == ["QF1", "AI2", "BA3", "AF5"]
            assert partial.headers["ledgers-missing"] == "lh"
            assert "lh" not in partial.headers["ledger"]
            assert (await people.anonymous.get("/health/ready")).status_code == 200
        finally:
            connection.execute(f"alter database {name} allow_connections true".encode())

    async def is_back() -> bool:
        return (await people.alice.get("/api/v1/flights")).status_code == 200

    await await_until(is_back)


async def test_a_frozen_server_delays_a_list_until_the_deadline_alone(
    people: People, deployment: dict[str, str], far_folders: dict[str, Path]
) -> None:
    await flights_in_all(people)
    assert (await people.alice.get("/api/v1/flights")).status_code == 200
    server = Server(far_folders["LH_URL"])
    server.freeze()
    try:
        # A read that is cancelled waits five seconds more for the server.
        async with asyncio.timeout(SETTINGS.deadline_seconds + 4):
            listed = await people.alice.get("/api/v1/flights")
    finally:
        server.thaw()
    assert (listed.status_code, listed.json().get("ledger")) == (503, "lh")


async def test_the_others_go_on_booking_while_a_server_is_killed(
    people: People, deployment: dict[str, str], far_folders: dict[str, Path]
) -> None:
    flights = await flights_in_all(people)
    kept, server = await people.booking(flights["lh"]), Server(far_folders["LH_URL"])
    body = {"flight_id": flights.pop("lh")["id"], "user_id": "alice", "seats": 1}
    sold: Counter[str] = Counter()
    is_over = asyncio.Event()

    async def sell(ledger: str) -> None:
        """Sell a seat and take it back, again and again; no request may fail."""
        while not is_over.is_set():
            booking = await people.booking(flights[ledger], seats=1)
            assert (await people.pay(booking, key=booking["id"])).status_code == 201
            assert (await people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")).status_code == 200
            sold[ledger] += 1

    sales = [asyncio.create_task(sell(ledger)) for ledger in flights]
    await await_until(lambda: sold.keys() == flights.keys())
    send(signal.SIGKILL, server.keeper())  # it would start the server again
    server.kill()
    before = sold.copy()
    try:
        booked, read, listed = await asyncio.gather(
            people.alice.post("/api/v1/bookings", json=body),
            people.alice.get(f"/api/v1/bookings/{kept['id']}"),
            people.alice.get("/api/v1/flights"),
        )
        for down in (booked, read):
            assert (down.status_code, down.headers["ledger"]) == (503, "lh")
            assert down.headers["retry-after"]
        assert (listed.status_code, listed.json()["ledger"]) == (503, "lh")
        assert (await people.anonymous.get("/health/ready")).status_code == 200
        await await_until(lambda: all(sold[ledger] > before[ledger] for ledger in flights))
    finally:
        is_over.set()
        await asyncio.gather(*sales)
        server.ensure()

    async def is_back() -> bool:
        return (await people.alice.post("/api/v1/bookings", json=body)).status_code == 201

    await await_until(is_back)
    assert (await people.alice.get(f"/api/v1/bookings/{kept['id']}")).json() == kept
    for url in deployment.values():
        assert verify(url, workers=1).ok


async def test_an_idle_ledger_is_closed_and_opened_again(
    people: People, database_url: str, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    flights = await flights_in_all(people)
    ledgers = ledgers_of(people)
    first = await ledgers.open(ledgers.entries[1])
    monkeypatch.setattr(served_ledgers, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(served_ledgers, "REFRESH_SECONDS", 0.0)
    keeping = asyncio.create_task(ledgers.keep_up())
    await await_until(lambda: not ledgers._opened)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    found = await people.alice.get(f"/api/v1/flights/{flights['ai']['id']}")
    assert found.status_code == 200
    assert await ledgers.open(ledgers.entries[1]) is not first


async def test_without_a_registry_every_answer_is_of_main(database_url: str) -> None:
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        people = People.of(app)
        await people.flight()
        listed = await people.alice.get("/api/v1/flights?min_position=1")
        assert (listed.headers["ledger"], listed.headers["ledger-position"]) == ("main", "1")
        assert (await people.alice.get("/api/v1/flights?ledger=main")).status_code == 200
        assert (await people.alice.get("/api/v1/flights?ledger=ai")).status_code == 404
        assert (await people.auditor.get("/api/v1/events")).status_code == 200


async def test_no_ledger_is_guessed_before_the_registry_was_read(
    database_url: str, deployment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh, is_reachable = ServedLedgers.refresh, asyncio.Event()

    async def refresh_if_reachable(ledgers: ServedLedgers) -> None:
        if not is_reachable.is_set():
            raise Unavailable
        await refresh(ledgers)

    monkeypatch.setattr(ServedLedgers, "refresh", refresh_if_reachable)
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        people = People.of(app)
        flight = {**BA117, "number": "AI2"}
        for refused in await asyncio.gather(
            people.operator.post("/api/v1/flights", json=flight),
            people.operator.get("/api/v1/bookings/01890000-0000-7001-8000-000000000001"),
            people.operator.get("/api/v1/flights"),
        ):
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        for path in ("/health/live", "/health/ready", "/api/v1/info"):
            assert (await people.anonymous.get(path)).status_code == 200, path
        is_reachable.set()

        async def is_scheduled() -> bool:
            scheduled = await people.operator.post("/api/v1/flights", json=flight)
            return (scheduled.status_code, scheduled.headers["ledger"]) == (201, "ai")

        await await_until(is_scheduled)


async def test_the_console_offers_a_choice_of_ledgers(people: People) -> None:
    await flights_in_all(people)
    first = (await people.operator.get("/console")).text
    assert "QF1" in first
    assert "AI2" not in first
    assert '<option selected="selected">main</option><option>ai</option>' in first
    chosen = (await people.operator.get("/console?ledger=ai")).text
    assert "AI2" in chosen
    assert "QF1" not in chosen
    assert 'href="/console/bookings?ledger=ai"' in chosen
    assert '<input type="hidden" name="ledger" value="ai" />' in chosen
    for page in ("bookings", "refunds", "sales", "operations"):
        assert (await people.operator.get(f"/console/{page}?ledger=ai")).status_code == 200, page


async def test_readiness_names_each_ledger_in_use(people: People) -> None:
    await flights_in_all(people)
    checks = (await people.auditor.get("/health/ready")).json()["checks"]
    others = {check["name"]: check for check in checks if check["name"].startswith("ledger ")}
    assert others.keys() == {"ledger ai", "ledger ba", "ledger lh", "ledger af"}
    assert all(check["vital"] is False for check in others.values())


async def test_ids_from_before_ids_had_numbers_are_of_main(
    people: People, database_url: str, rows: Rows
) -> None:
    flights = await flights_in_all(people)
    ledgers = ledgers_of(people)
    old = UUID("01890000-0000-7001-8000-000000000001")
    assert ledgers.of_id(old).name == "ai"
    rows("update ledger.migrations set applied_at = now() + interval '1 minute' where version = 19")
    await ledgers.refresh()
    assert ledgers.of_id(old).name == ledgers.of_id(UUID(flights["ai"]["id"])).name == "main"
    rows("update ledger.migrations set applied_at = now() - interval '1 year' where version = 19")
    ledgers._numbered_from = 0
    await ledgers.refresh()
    assert ledgers.of_id(UUID(flights["ai"]["id"])).name == "ai"


async def test_a_limited_token_sees_nothing_of_the_only_ledger(database_url: str) -> None:
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        people = People.of(app)
        flight = await people.flight()
        limited = client(app, token("olga", "operator", ledgers=["ai"]))
        assert (await limited.get("/api/v1/flights")).json()["data"] == []
        for path in (f"flights/{flight['id']}", "audit/head?ledger=main", "flights?ledger=main", "metrics"):
            assert (await limited.get(f"/api/v1/{path}")).status_code == 404, path
        assert (await limited.get("/console")).status_code == 404
        hold = {"flight_id": flight["id"], "user_id": "olga", "seats": 1}
        for path, body in (("bookings", hold), ("flights", {**BA117, "number": "BA2"})):
            refused = await limited.post(f"/api/v1/{path}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (404, "ledger-not-found"), path
        allowed = client(app, token("olga", "operator", ledgers=["main"]))
        assert len((await allowed.get("/api/v1/flights")).json()["data"]) == 1
        assert (await allowed.post("/api/v1/bookings", json=hold)).status_code == 201


async def test_a_ledger_with_a_wrong_connection_string_is_named_and_tried_again(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = os.environ["LH_URL"]
    monkeypatch.setenv("LH_URL", "no connection string")
    flight = {**BA117, "number": "LH7"}
    for _ in range(2):
        refused = await people.operator.post("/api/v1/flights", json=flight)
        assert (refused.status_code, refused.json()["ledger"]) == (503, "lh")
    monkeypatch.setenv("LH_URL", right)
    assert (await people.operator.post("/api/v1/flights", json=flight)).status_code == 201


async def test_an_unreadable_registry_keeps_the_entries_and_is_read_again(
    people: People, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_ledgers, "REFRESH_SECONDS", 0.0)
    ledgers = ledgers_of(people)
    keeping = asyncio.create_task(ledgers.keep_up())
    rows("revoke select on seatledger.ledgers from seatledger_writer")
    flight = await people.flight(number="AI2")
    rows("grant select on seatledger.ledgers to seatledger_writer")
    rows("update seatledger.ledgers set state = 'retired' where name = 'ai'")

    async def is_retired() -> bool:
        body = {"flight_id": flight["id"], "user_id": "alice", "seats": 1}
        return (await people.alice.post("/api/v1/bookings", json=body)).status_code == 409

    await await_until(is_retired)
    assert not keeping.done()
    keeping.cancel()


async def test_a_ledger_moves_while_it_is_in_use(
    people: People, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"moved_{next(_numbers)}"
    with psycopg.connect(os.environ["LH_URL"], autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    monkeypatch.setenv("MOVED_URL", make_conninfo(os.environ["LH_URL"], dbname=name))
    monkeypatch.setattr(served_ledgers, "REFRESH_SECONDS", 0.1)
    flights = await flights_in_all(people, seats=1000)
    accepted: dict[str, list[str]] = {ledger: [] for ledger in ("ai", "ba")}
    codes: set[str] = set()
    done = asyncio.Event()

    async def book(ledger: str) -> None:
        for number in itertools.count():
            await asyncio.sleep(0)  # a refusal by this process awaits nothing, and would keep the loop
            if done.is_set():
                return
            answer = await people.alice.post(
                "/api/v1/bookings",
                json={"flight_id": flights[ledger]["id"], "user_id": "alice", "seats": 1},
                headers={"x-idempotency-key": f"{ledger}-{number}"},
            )
            if answer.status_code == 201:
                accepted[ledger].append(answer.json()["id"])
                await people.alice.post(f"/api/v1/bookings/{answer.json()['id']}/cancel")
            else:
                assert (answer.status_code, answer.headers.get("retry-after")) == (503, "1"), answer.text
                codes.add(f"{ledger} {answer.json()['code']}")

    booking = [asyncio.create_task(book(ledger)) for ledger in accepted for _ in range(2)]
    try:
        moved = await asyncio.to_thread(move_ledger, database_url, "ai", "MOVED_URL", print)
        at_switch = len(accepted["ai"])
        await await_until(lambda: len(accepted["ai"]) > at_switch + 5, message=lambda: str(codes))
    finally:
        done.set()
        await asyncio.gather(*booking)
    assert moved.ok
    assert codes <= {"ai unavailable", "ai ledger-moving", "ai ledger-unavailable"}
    for booked in accepted["ai"]:
        found = await people.alice.get(f"/api/v1/bookings/{booked}")
        assert (found.status_code, found.headers["ledger"]) == (200, "ai")
    with connect_sync(database_url, "test") as connection:
        entry = registry.find_entry(registry.read_sync(connection), "ai")
    assert entry.url_variable == "MOVED_URL"
    assert verify(registry.url_of(entry, database_url), workers=1).ok
