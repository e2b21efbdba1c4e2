"""The scheduler works for every ledger of the registry, and a broken one holds up no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import psycopg
import pytest

import database.pool
import scheduler.ledger_tasks
import scheduler.other_ledger
import scheduler.other_ledgers
from analytics.schema import migrate
from analytics.webhooks.endpoints import Webhook, Webhooks
from analytics.webhooks.queue import add_test
from analytics.webhooks.signing import new_secret
from database import registry
from database.activity import Activity, read_activity
from database.connection import Connection, connect_sync
from domain.commands.waiting import JoinWaitlist
from ledger.ids import new_id
from ledger.ledger import Ledger, open_ledger
from runtime.settings import Settings
from scheduler.other_ledger import OtherLedger
from scheduler.other_ledgers import OtherLedgers
from tests.desk import Desk
from tests.scheduler.webhooks.receiver import Receiver
from tests.waiting import await_until

Rows = Callable[..., list[Any]]

SETTINGS = Settings(
    hold_seconds=0,
    sweep_cron="* * * * * *",
    deadline_seconds=5,
    webhook_networks=(ip_network("127.0.0.0/8"),),
)
SWEPT = "select count(*) from ledger_{}.job_runs where job = 'expire_holds' and done = 1"
AUDITED = "select finished_at is not null from ledger_{}.self_audit"
FAILING = "select count(*) from ledger.task_failures where error is not null"
FOLLOWED = "select position from ledger_{}.facts_builds where projection = 'bookings'"


@pytest.fixture
def deployment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add the ledgers `ai` and `ba`, and `far` on a server that does not answer."""
    monkeypatch.setenv("FAR_URL", database_url)
    for name, variable in (("ai", None), ("ba", None), ("far", "FAR_URL")):
        with connect_sync(database_url, "test", autocommit=False) as connection:
            entry = registry.begin_entry(connection, name, (), variable)
            migrate(registry.url_of(entry, database_url))
            registry.add_entry(connection, entry)
    monkeypatch.setenv("FAR_URL", "postgresql://127.0.0.1:1/nowhere")
    return database_url


@pytest.fixture
async def working(deployment: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OtherLedgers]:
    """Run the tasks of all ledgers."""
    async with _working(deployment, SETTINGS, monkeypatch) as others:
        yield others


@pytest.fixture
async def rarely_visited(
    deployment: str, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> AsyncIterator[OtherLedgers]:
    """Run the tasks of all ledgers without sweeps. Their first and only visits are over."""
    monkeypatch.setattr(scheduler.other_ledger, "AWAKE_SECONDS", 0.5)
    monkeypatch.setattr(scheduler.other_ledger, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(scheduler.ledger_tasks, "VISIT_SECONDS", 3600)
    async with _working(deployment, replace(SETTINGS, sweep_cron=""), monkeypatch) as others:
        for name in ("ai", "ba"):
            await await_until(lambda name=name: rows(AUDITED.format(name)) == [(True,)])  # type: ignore[misc]
            await await_until(lambda name=name: _one(others, name)._inserts is not None)  # type: ignore[misc]
        yield others


@asynccontextmanager
async def _working(
    deployment: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OtherLedgers]:
    monkeypatch.setattr(scheduler.other_ledgers, "REGISTRY_SECONDS", 0.1)
    monkeypatch.setattr(scheduler.other_ledgers, "WATCH_SECONDS", 0.1)
    stop = asyncio.Event()
    async with open_ledger(deployment, settings) as main:
        others = OtherLedgers(main, settings, stop)
        running = asyncio.create_task(others.run())
        yield others
        stop.set()
        await running


def _one(others: OtherLedgers, name: str) -> OtherLedger:
    return others._running[name][0]


@asynccontextmanager
async def _desk(deployment: str, name: str, settings: Settings = SETTINGS) -> AsyncIterator[Desk]:
    """Open a desk at the ledger, as another process does."""
    with connect_sync(deployment, "test") as connection:
        entry = registry.find_entry(registry.read_sync(connection), name)
    ledger = Ledger(registry.url_of(entry, deployment), settings, entry=entry)
    await ledger.open()
    try:
        yield Desk(ledger)
    finally:
        await ledger.close()


async def test_each_ledger_is_swept_and_followed(working: OtherLedgers, deployment: str, rows: Rows) -> None:
    for name in ("ai", "ba"):
        async with _desk(deployment, name) as desk:
            await desk.hold(await desk.schedule(), "alice")
    for name in ("ai", "ba"):
        await await_until(lambda name=name: rows(SWEPT.format(name)) == [(1,)])  # type: ignore[misc]
        await await_until(lambda name=name: rows(FOLLOWED.format(name)) == [(3,)])  # type: ignore[misc]
    assert rows("select count(*) from ledger.job_runs") == [(0,)]


async def test_an_idle_ledger_is_woken_by_one_booking_and_sleeps_again(
    rarely_visited: OtherLedgers, deployment: str, rows: Rows
) -> None:
    ai, ba = _one(rarely_visited, "ai"), _one(rarely_visited, "ba")
    await await_until(lambda: ai.is_asleep and ba.is_asleep)
    async with _desk(deployment, "ai") as desk:
        await desk.hold(await desk.schedule(), "alice")
    await await_until(lambda: rows(FOLLOWED.format("ai")) == [(2,)], 10)
    assert ba.is_asleep
    await await_until(lambda: ai.is_asleep)
    assert rows(FOLLOWED.format("ba")) == [(0,)]


async def test_a_test_message_wakes_an_idle_ledger(
    rarely_visited: OtherLedgers, deployment: str, rows: Rows
) -> None:
    ai = _one(rarely_visited, "ai")
    await await_until(lambda: ai.is_asleep)
    with Receiver() as receiver:
        async with _desk(deployment, "ai") as desk, desk.ledger.read() as connection:
            now, id = datetime.now(UTC), new_id()
            async with connection.transaction():
                webhooks = Webhooks(connection, desk.ledger.keyring)
                webhook = Webhook(id, receiver.url(), None, "thin", None, True, 0, now, now, 1, None)
                await webhooks.add(webhook, new_secret())
                await add_test(connection, id, new_id())
        await await_until(lambda: receiver.taken, 15)
        await await_until(lambda: ai.is_asleep)
    assert rows("select state from ledger_ai.webhook_deliveries") == [("delivered",)]


async def test_events_that_the_statistics_miss_are_found_by_the_next_visit(
    rarely_visited: OtherLedgers, deployment: str, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count_nothing(connection: Connection) -> Activity:
        return (await read_activity(connection))._replace(inserts={})

    monkeypatch.setattr(scheduler.other_ledgers, "read_activity", count_nothing)
    async with _desk(deployment, "ai") as desk:
        await desk.schedule()
    ai = _one(rarely_visited, "ai")
    await await_until(lambda: ai.is_asleep)
    ai.visit_at = 0
    ai._woken.set()
    await await_until(lambda: rows(FOLLOWED.format("ai")) == [(1,)])


async def test_idle_ledgers_hold_no_connections(
    rarely_visited: OtherLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch borrows one connection a second, whichever ledger asks."""
    pool = rarely_visited._main.pool
    await await_until(lambda: all(_one(rarely_visited, name).is_asleep for name in ("ai", "ba")))
    monkeypatch.setattr(database.pool, "IDLE_SECONDS", 0.3)
    pool._reap()
    await await_until(lambda: pool.in_use <= 3)
    assert not any(one.ledger._writer.idle_since for one, _ in rarely_visited._running.values() if one.ledger)


async def test_a_ledger_with_a_waiting_party_and_a_hold_stays_awake(
    rarely_visited: OtherLedgers, deployment: str
) -> None:
    patient = replace(SETTINGS, hold_seconds=3600)
    async with _desk(deployment, "ai", patient) as desk:
        flight = await desk.schedule(seats=1)
        await desk.hold(flight, "alice")
        await desk.submit(JoinWaitlist(flight, "bob", 1), "bob")
        ai = _one(rarely_visited, "ai")
        await await_until(lambda: not ai.is_asleep)
        await await_until(lambda: not ai._has_changed())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await await_until(lambda: ai.is_asleep)


async def test_a_ledger_that_hangs_holds_up_no_other(
    rarely_visited: OtherLedgers, deployment: str, rows: Rows
) -> None:
    with psycopg.connect(deployment) as holder:
        holder.execute("lock table ledger_ba.heartbeats, ledger_ba.facts_builds, ledger_ba.self_audit")
        _one(rarely_visited, "ba").visit_at = 0
        for name in ("ba", "ai"):
            _one(rarely_visited, name)._woken.set()
        async with _desk(deployment, "ba") as desk:
            await desk.schedule()
        async with _desk(deployment, "ai") as desk:
            await desk.schedule()
        await await_until(lambda: rows(FOLLOWED.format("ai")) == [(1,)], 10)
    await await_until(lambda: rows(FOLLOWED.format("ba")) == [(1,)])


async def test_a_retired_ledger_is_left_alone(working: OtherLedgers, deployment: str) -> None:
    await await_until(lambda: working._running.keys() == {"ai", "ba", "far"})
    _, task = working._running["ai"]
    with psycopg.connect(deployment) as connection:
        registry.retire(connection, "ai")
    await await_until(lambda: working._running.keys() == {"ba", "far"})
    await await_until(task.done)
    assert task.exception() is None


async def test_a_failure_that_has_passed_is_recorded_at_once(database_url: str, rows: Rows) -> None:
    async def is_quiet() -> bool:
        return await tasks.visit() == scheduler.ledger_tasks.VISIT_SECONDS

    async with open_ledger(database_url, Settings()) as ledger:
        tasks = scheduler.ledger_tasks.LedgerTasks(ledger, Settings(), database_url, None)
        await await_until(is_quiet)
        tasks._auditor.task.fail(ValueError("once"))
        assert await tasks.visit() == scheduler.ledger_tasks.CUT_SHORT_SECONDS
        assert rows(FAILING) == [(1,)]
        await await_until(is_quiet)
        assert rows(FAILING) == [(0,)]
