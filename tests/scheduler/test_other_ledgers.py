"""The scheduler works for every ledger of the registry, and a broken one holds up no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

import scheduler.main
from analytics.schema import migrate
from database import registry
from database.connection import connect_sync
from ledger.ledger import Ledger, open_ledger
from runtime.settings import Settings
from scheduler.main import OtherLedgers
from tests.desk import Desk
from tests.waiting import await_until

Rows = Callable[..., list[Any]]

SETTINGS = Settings(hold_seconds=0, sweep_cron="* * * * * *", deadline_seconds=5)
SWEPT = "select count(*) from ledger_{}.job_runs where job = 'expire_holds' and done = 1"
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
    monkeypatch.setattr(scheduler.main, "REGISTRY_SECONDS", 0.1)
    stop = asyncio.Event()
    async with open_ledger(deployment, SETTINGS) as main:
        others = OtherLedgers(main, SETTINGS, stop)
        running = asyncio.create_task(others.run())
        yield others
        stop.set()
        await running


async def test_each_ledger_is_swept_and_followed(working: OtherLedgers, deployment: str, rows: Rows) -> None:
    with connect_sync(deployment, "test") as connection:
        entries = registry.read_sync(connection)
    for entry in entries[1:3]:
        ledger = Ledger(registry.url_of(entry, deployment), SETTINGS, entry=entry)
        await ledger.open()
        desk = Desk(ledger)
        await desk.hold(await desk.schedule(), "alice")
        await ledger.close()
    for name in ("ai", "ba"):
        await await_until(lambda name=name: rows(SWEPT.format(name)) == [(1,)])  # type: ignore[misc]
        await await_until(lambda name=name: rows(FOLLOWED.format(name)) == [(3,)])  # type: ignore[misc]
    assert rows("select count(*) from ledger.job_runs") == [(0,)]


async def test_a_retired_ledger_is_left_alone(working: OtherLedgers, deployment: str) -> None:
    await await_until(lambda: working._running.keys() == {"ai", "ba", "far"})
    _, task = working._running["ai"]
    with psycopg.connect(deployment) as connection:
        registry.retire(connection, "ai")
    await await_until(lambda: working._running.keys() == {"ba", "far"})
    await await_until(task.done)
    assert task.exception() is None
