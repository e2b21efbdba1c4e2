"""Failures of the scheduler's tasks appear in readiness and metrics until the tasks succeed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import analytics.follower.follower
import database.task_failures
from api.http.metrics import exposition
from api.readiness import check_readiness
from database.readiness import Check
from database.task_failures import FailureRecorder
from ledger.ledger import Ledger
from runtime.settings import Settings
from runtime.tasks import Task
from scheduler.main import run
from tests.scheduler.airline import Airline
from tests.waiting import await_until

Rows = Callable[..., list[Any]]


async def check(ledger: Ledger, name: str = "tasks") -> Check:
    (found,) = (check for check in (await check_readiness(ledger)).checks if check.name == name)
    return found


async def test_a_task_that_fails_is_named_until_it_succeeds(ledger: Ledger, rows: Rows) -> None:
    task = Task("sweep", "sweep.interrupted", "sweep.failed")
    recorder = FailureRecorder([task])
    assert await check(ledger) == Check("tasks", True, "none fails", vital=False)
    for _ in range(3):
        task.fail(KeyError("a name"))
    async with ledger.read() as connection:
        await recorder.record(connection)
        await recorder.record(connection)
    found = await check(ledger)
    assert not found.ok
    assert found.detail.startswith("sweep fails with KeyError, last 0 s ago, 3 times in all")
    async with ledger.read() as connection:
        text = exposition(0, 0, failures=await database.task_failures.read(connection)).decode()
    assert 'ledger_task_failures_total{task="sweep"} 3.0' in text
    assert 'ledger_task_failing{task="sweep"} 1.0' in text
    task.succeed()
    async with ledger.read() as connection:
        await recorder.record(connection)
    assert (await check(ledger)).ok
    assert rows("select failures, error from ledger.task_failures") == [(3, None)]


async def test_a_failure_of_a_scheduler_that_is_gone_is_not_current(ledger: Ledger, rows: Rows) -> None:
    task = Task("sweep", "sweep.interrupted", "sweep.failed")
    task.fail(KeyError())
    async with ledger.read() as connection:
        await FailureRecorder([task]).record(connection)
    rows("update ledger.task_failures set failed_at = now() - interval '3 minutes'")
    assert (await check(ledger)).ok


async def test_an_unexpected_error_in_a_running_follower_is_shown_and_passes(
    airline: Airline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise UnboundLocalError("last")

    stop = asyncio.Event()
    with monkeypatch.context() as broken:
        broken.setattr(analytics.follower.follower, "advance_or_park", fails)
        settings = Settings(sweep_cron="")
        running = asyncio.create_task(run(airline.ledger, settings, database_url, stop))

        async def is_shown() -> bool:
            return "analytics fails with UnboundLocalError" in (await check(airline.ledger)).detail

        await await_until(is_shown)

    async def passed() -> bool:
        return (await check(airline.ledger)).ok

    await await_until(passed)
    stop.set()
    await running


async def test_a_readiness_check_that_fails_itself_does_not_hide_the_others(
    ledger: Ledger, tamper: Any
) -> None:
    tamper("drop table ledger.task_failures")
    readiness = await check_readiness(ledger)
    failed = {check.name: check.detail for check in readiness.checks if not check.ok}
    assert failed["tasks"] == "the check itself fails: UndefinedTable"
    assert readiness.checks[0] == Check("database", True, "answers")
