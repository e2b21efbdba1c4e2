"""Limits per caller: commands a minute, unpaid seats and event streams; the report of limited callers."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from loguru import logger

from api.app import create_app
from api.http.caller_limits import SETS, WAYS, WINDOW_SECONDS, Windows, open_limits
from api.http.http_errors import TooManyStreams
from domain.caller import Caller, Role
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from ledger.master_key import key_ledger
from tests.api.conftest import SETTINGS, People, running

BOOKINGS = "/api/v1/bookings"
KEY = bytes(range(32))
AUDITOR = Caller("auditor", frozenset({Role.AUDITOR}))
OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))


@asynccontextmanager
async def people_with(database_url: str, folder: Path | None = None, **limits: int) -> AsyncIterator[People]:
    """Run the application with these limits."""
    key_ledger(database_url, Keyring(KEY))
    settings = replace(SETTINGS, master_key=KEY, **limits)
    app = create_app(settings, lambda: open_ledger(database_url, settings), folder)
    async with running(app):
        yield People.of(app)


@pytest.fixture
def warnings() -> Iterator[list[dict[str, Any]]]:
    """Collect the fields of `caller.limited`."""
    records: list[dict[str, Any]] = []
    sink = logger.add(
        lambda message: records.append(dict(message.record["extra"])),
        level="WARNING",
        filter=lambda record: record["message"] == "caller.limited",
    )
    yield records
    logger.remove(sink)


async def hold(
    caller: httpx.AsyncClient, flight: dict[str, Any], user: str = "alice", seats: int = 1, **headers: str
) -> httpx.Response:
    body = {"flight_id": flight["id"], "user_id": user, "seats": seats}
    return await caller.post(BOOKINGS, json=body, headers=headers)


async def bulk(caller: httpx.AsyncClient, flight: dict[str, Any], count: int) -> httpx.Response:
    one = {"flight_id": flight["id"], "user_id": "alice", "seats": 1}
    items = [{"key": str(uuid4()), **one} for _ in range(count)]
    return await caller.post(f"{BOOKINGS}/bulk", json={"items": items})


async def limited(people: People, limit: str) -> float:
    """Return the metric of limited callers."""
    text = (await people.operator.get("/metrics")).text
    found = re.search(rf'^seatledger_callers_limited_total{{limit="{limit}"}} (.*)$', text, re.MULTILINE)
    assert found, text
    return float(found[1])


async def test_commands_beyond_the_limit_get_429_with_the_time_to_wait(database_url: str) -> None:
    async with people_with(database_url, commands_per_minute=3) as people:
        flight, key = await people.flight(), "order-1"
        answers = [await hold(people.alice, flight, **{"x-idempotency-key": key}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201] * 3
        policy = '"commands";q=3;w=60'
        assert [
            (answer.headers["ratelimit-policy"], answer.headers["ratelimit"].partition(";t=")[0])
            for answer in answers
        ] == [(policy, f'"commands";r={left}') for left in (2, 1, 0)]
        over = await hold(people.alice, flight, **{"x-idempotency-key": "order-2"})
        assert (over.status_code, over.json()["code"]) == (429, "too-many-commands")
        assert 1 <= int(over.headers["retry-after"]) <= 60
        assert over.headers.get_list("ratelimit-policy") == [policy]
        assert over.headers.get_list("ratelimit") == [f'"commands";r=0;t={over.headers["retry-after"]}']
        assert (await people.alice.get(BOOKINGS)).status_code == 200
        assert (await hold(people.bob, flight, "bob")).status_code == 201

        clock = people.app.state.shared.limits._windows._clock
        people.app.state.shared.limits._windows._clock = lambda: clock() + WINDOW_SECONDS
        later = await hold(people.alice, flight, **{"x-idempotency-key": "order-2"})
        assert (later.status_code, "idempotency-replayed" in later.headers) == (201, False)


async def test_each_item_of_a_bulk_is_a_command(database_url: str) -> None:
    async with people_with(database_url, commands_per_minute=5) as people:
        flight = await people.flight()
        assert (await bulk(people.alice, flight, 4)).status_code == 200
        over = await bulk(people.alice, flight, 2)
        assert (over.status_code, over.headers["ratelimit"].partition(";t=")[0]) == (429, '"commands";r=1')
        assert (over.json()["asked"], over.json()["limit"]) == (2, 5)
        assert (await hold(people.alice, flight)).status_code == 201
        assert (await hold(people.alice, flight)).status_code == 429


async def test_operators_and_a_limit_of_0_have_no_limit_and_no_fields(database_url: str) -> None:
    async with people_with(database_url, commands_per_minute=1) as people:
        flight = await people.flight()
        answers = [await hold(people.operator, flight) for _ in range(3)]
    async with people_with(database_url, commands_per_minute=0) as people:
        answers += [await hold(people.alice, flight) for _ in range(3)]
    assert [(answer.status_code, "ratelimit" in answer.headers) for answer in answers] == [(201, False)] * 6


async def test_the_workers_of_a_host_count_together(database_url: str, tmp_path: Path) -> None:
    async with (
        people_with(database_url, tmp_path, commands_per_minute=4) as one,
        people_with(database_url, tmp_path, commands_per_minute=4) as two,
    ):
        flight = await one.flight()
        statuses = [(await hold(each.alice, flight)).status_code for each in (one, two) * 3]
        assert statuses == [201] * 4 + [429] * 2


async def test_a_limited_caller_is_reported_once_a_minute_by_its_pseudonym(
    database_url: str, warnings: list[dict[str, Any]]
) -> None:
    async with people_with(database_url, commands_per_minute=2) as people:
        before = await limited(people, "commands")
        flight = await people.flight()
        for _ in range(5):
            last = await hold(people.alice, flight)
        assert last.status_code == 429
        assert await limited(people, "commands") == before + 1
    ((limit, caller),) = [(each["limit"], each["caller"]) for each in warnings]
    assert (limit, caller[:4]) == ("commands", "psn_")


async def test_refusals_for_a_limit_have_no_log_line_each(database_url: str) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="INFO")
    async with people_with(database_url, commands_per_minute=1) as people:
        flight = await people.flight()
        for _ in range(4):
            await hold(people.alice, flight)
    logger.remove(sink)
    assert lines.count("request") == 0


async def test_a_user_holds_only_so_many_unpaid_seats_at_a_time(
    database_url: str, warnings: list[dict[str, Any]]
) -> None:
    async with people_with(database_url, unpaid_seats_per_user=5) as people:
        before = await limited(people, "unpaid_seats")
        flights = [await people.flight(number=number) for number in ("BA1", "BA2")]
        first = await people.booking(flights[0], 4)
        for _ in range(2):
            refused = await hold(people.alice, flights[1], seats=2)
            assert (refused.status_code, refused.json()["code"]) == (409, "too-many-holds")
            facts = {name: refused.json()[name] for name in ("asked", "unpaid", "limit")}
            assert facts == {"asked": 2, "unpaid": 4, "limit": 5}
        assert (await hold(people.bob, flights[1], "bob", 5)).status_code == 201
        assert (await hold(people.operator, flights[1], "alice", 2)).status_code == 201
        assert (await hold(people.alice, flights[0])).status_code == 409
        assert (await people.pay(first)).status_code == 201
        assert (await hold(people.alice, flights[0], seats=3)).status_code == 201
        assert await limited(people, "unpaid_seats") == before + 1
    assert [each["limit"] for each in warnings] == ["unpaid_seats"]


async def test_a_bulk_that_meets_the_limit_of_unpaid_seats_is_reported(
    database_url: str, warnings: list[dict[str, Any]]
) -> None:
    async with people_with(database_url, unpaid_seats_per_user=2) as people:
        results = (await bulk(people.alice, await people.flight(), 3)).json()["results"]
    assert [result["status"] for result in results] == [201, 201, 409]
    assert [each["limit"] for each in warnings] == ["unpaid_seats"]


async def test_a_caller_has_only_so_many_streams_at_a_time(
    database_url: str, warnings: list[dict[str, Any]]
) -> None:
    async with people_with(database_url, streams_per_caller=2) as people:
        limits = people.app.state.shared.limits
        with limits.open_stream(AUDITOR):
            with limits.open_stream(AUDITOR):
                async with asyncio.timeout(10):  # a stream that is not refused has no end
                    answers = [await people.auditor.get("/api/v1/events/stream") for _ in range(2)]
                with ExitStack() as streams:
                    for _ in range(3):
                        streams.enter_context(limits.open_stream(OPERATOR))
            with limits.open_stream(AUDITOR):
                pass
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (429, "too-many-streams")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["ratelimit-policy"] == '"streams";q=2;qu="concurrent-requests"'
        assert answer.headers["ratelimit"] == '"streams";r=0'
    assert [(each["limit"], each["caller"]) for each in warnings] == [("streams", "unknown")]


async def test_a_limit_of_0_streams_is_no_limit() -> None:
    async with open_limits(replace(SETTINGS, streams_per_caller=0), None) as limits:
        with limits.open_stream(AUDITOR), limits.open_stream(AUDITOR):
            pass


OTHER_WORKER = """
import asyncio, sys
from pathlib import Path
from api.http.caller_limits import open_limits
from domain.caller import Caller, Role
from runtime.settings import Settings

async def main():
    async with open_limits(Settings(streams_per_caller=1), Path(sys.argv[1])) as limits:
        with limits.open_stream(Caller("auditor", frozenset({Role.AUDITOR}))):
            print("open", flush=True)
            sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture
def other_worker(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that has the folder's only stream of the auditor open."""
    command = [sys.executable, "-c", OTHER_WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"open\n"
        yield worker
        worker.kill()


async def test_streams_are_counted_over_workers_and_those_of_a_killed_worker_end(
    tmp_path: Path, other_worker: "subprocess.Popen[bytes]"
) -> None:
    async with open_limits(replace(SETTINGS, streams_per_caller=1), tmp_path) as limits:
        with pytest.raises(TooManyStreams), limits.open_stream(AUDITOR):
            pass
        with limits.open_stream(Caller("another", frozenset({Role.AUDITOR}))):
            pass
        other_worker.kill()
        other_worker.wait(10)
        with limits.open_stream(AUDITOR):
            pass


def test_the_memory_of_the_counts_is_bounded_and_a_crowd_cannot_exhaust_it() -> None:
    size = SETS * WAYS * 32
    memory, now = memoryview(bytearray(size)), [1000.0]
    windows = Windows(memory.cast("Q"), memory.cast("d"), lambda: now[0])
    for number in range(3 * SETS * WAYS):
        assert windows.add(f"caller-{number}", 1, 1)[0] == 0
    # A caller that comes last is limited like any other.
    assert [windows.add("alice", 1, 2)[0] for _ in range(3)] == [1, 0, -1]
    now[0] += WINDOW_SECONDS
    assert windows.add("alice", 1, 2) == (1, WINDOW_SECONDS)
