"""The scheduler as a process: it sweeps at its slots, and ends on SIGTERM."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.settings import Settings, WrongSetting
from scheduler.main import NICENESS, run, run_forever
from tests.scheduler.airline import Airline
from tests.waiting import await_until

EVERY_SECOND = "* * * * * *"


async def test_rocketry_sweeps_at_each_slot_until_stopped(airline: Airline, database_url: str) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run(airline.ledger, Settings(sweep_cron=EVERY_SECOND), database_url, stop))
    await airline.due_holds(2)
    await until(airline.expired, 2)
    await airline.due_holds(1)
    await until(airline.expired, 3)
    stop.set()
    async with asyncio.timeout(5):
        await running
    slots = [slot for slot, _ in await airline.runs()]
    assert slots == sorted(set(slots))


async def test_two_schedulers_side_by_side_expire_each_hold_once(airline: Airline, database_url: str) -> None:
    stop = asyncio.Event()
    settings = Settings(sweep_cron=EVERY_SECOND)
    running = [asyncio.create_task(run(airline.ledger, settings, database_url, stop)) for _ in range(2)]
    await airline.due_holds(10)
    await until(airline.expired, 10)
    stop.set()
    await asyncio.gather(*running)
    assert await airline.expired() == 10
    assert sum(done for _, done in await airline.runs()) == 10


@pytest.fixture
def process(database_url: str, checkout: Path) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    started = []
    environment = os.environ | {"DATABASE_URL": database_url, "SEATLEDGER_SWEEP_CRON": EVERY_SECOND}

    def start(**settings: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-W", "error", "-m", "scheduler.main"]
        own = environment | settings
        started.append(subprocess.Popen(command, cwd=checkout, env=own, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_soon_and_cleanly(
    airline: Airline, process: Any, number: signal.Signals
) -> None:
    one = process()
    await airline.due_holds(3)
    await until(airline.expired, 3)
    one.send_signal(number)
    assert one.wait(5) == 0


async def test_killed_and_started_again_it_takes_up_the_work(airline: Airline, process: Any) -> None:
    one = process()
    await airline.due_holds(1)
    await until(airline.expired, 1)
    one.kill()
    await airline.due_holds(1)
    process()
    await until(airline.expired, 2)


async def test_requests_have_priority_over_it(airline: Airline, process: Any) -> None:
    one = process()
    await airline.due_holds(1)
    await until(airline.expired, 1)
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, one.pid) == min(niceness + NICENESS, 19)


async def test_without_a_database_it_waits_logs_once_and_ends_on_sigterm(process: Any) -> None:
    one = process(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere")
    line = await asyncio.to_thread(one.stderr.readline)
    assert b"database.awaited" in line
    one.send_signal(signal.SIGTERM)
    assert one.wait(5) == 0
    assert one.stderr.read() == b""


def test_a_wrong_cron_expression_stops_the_start_with_one_line() -> None:
    with pytest.raises(WrongSetting, match=r"^SEATLEDGER_SWEEP_CRON='now and then': .*$"):
        run_forever(Settings(sweep_cron="now and then"), "")


async def until(count: Callable[[], Awaitable[int]], wanted: int) -> None:
    async def is_reached() -> bool:
        return await count() >= wanted

    await await_until(is_reached)
