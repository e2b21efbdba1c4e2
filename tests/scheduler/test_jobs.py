"""A slot runs once for any number of schedulers, and again after an interruption."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import database.job_slots
from database.connection import connect
from database.job_slots import run_slot
from tests.scheduler.airline import Airline
from tests.waiting import await_until

JOB = "expire_holds"
SLOT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)

Runs = Callable[..., Awaitable[int | None]]


async def seven() -> int:
    return 7


@pytest.fixture
def run(database_url: str) -> Runs:
    """Call run_slot on a separate connection, like a scheduler."""

    async def run(
        slot: datetime = SLOT, work: Callable[[], Awaitable[int]] = seven, job: str = JOB
    ) -> int | None:
        connection = await connect(database_url, "test")
        try:
            return await run_slot(connection, job, slot, work)
        finally:
            await connection.close()

    return run


async def test_a_slot_runs_once(run: Runs, airline: Airline) -> None:
    assert [await run(), await run()] == [7, None]
    assert await airline.runs() == [(SLOT, 7)]


async def test_of_two_schedulers_at_once_one_runs_and_the_other_leaves(run: Runs, airline: Airline) -> None:
    async with working(run) as finish:
        assert await run() is None
        assert await run(job="another") == 7
        finish()
    assert await run() is None


async def test_many_schedulers_that_keep_trying_run_each_slot_once(run: Runs, airline: Airline) -> None:
    ran: list[datetime] = []

    async def scheduler() -> None:
        for number in range(5):
            slot = SLOT + number * HALF_AN_HOUR

            async def work(slot: datetime = slot) -> int:
                ran.append(slot)
                return 0

            await run(slot, work)

    await asyncio.gather(*(scheduler() for _ in range(4)))
    assert sorted(ran) == sorted(set(ran))
    assert [slot for slot, _ in await airline.runs()] == sorted(ran)


async def test_a_slot_before_one_that_was_run_is_passed_over(run: Runs) -> None:
    assert [await run(SLOT), await run(SLOT - HALF_AN_HOUR), await run(SLOT + HALF_AN_HOUR)] == [7, None, 7]


async def test_a_slot_recorded_by_a_clock_gone_wrong_holds_nothing_up(run: Runs, airline: Airline) -> None:
    await airline.owner.execute(
        "insert into ledger.job_runs values (%s, now() + interval '5 years', now(), 0)", (JOB,)
    )
    assert await run() == 7


async def test_work_that_fails_leaves_the_slot_to_be_run_again(run: Runs, airline: Airline) -> None:
    async def fails() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run(work=fails)
    assert await airline.runs() == []
    assert await run() == 7


async def test_work_that_takes_too_long_is_given_up(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> int:
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(database.job_slots, "RUN_SECONDS_MAX", 0.05)
    with pytest.raises(TimeoutError):
        await run(work=never)


async def test_a_scheduler_killed_in_mid_run_leaves_the_slot_to_the_next(
    run: Runs, airline: Airline, database_url: str, checkout: Path
) -> None:
    program = [sys.executable, "-c", KILLED, database_url]
    killed = await asyncio.create_subprocess_exec(*program, cwd=checkout, stdout=asyncio.subprocess.PIPE)
    assert killed.stdout is not None
    assert await killed.stdout.readline() == b"working\n"
    assert await run() is None
    killed.kill()
    await killed.wait()
    assert await eventually(run) == 7
    assert await airline.runs() == [(SLOT, 7)]


KILLED = """
import asyncio, sys
from datetime import UTC, datetime
from database.connection import connect
from database.job_slots import run_slot
from tests.scheduler.airline import Airline

async def work():
    print("working", flush=True)
    await asyncio.Event().wait()

async def main():
    connection = await connect(sys.argv[1], "killed")
    await run_slot(connection, "expire_holds", datetime(2026, 3, 1, 12, 0, tzinfo=UTC), work)

asyncio.run(main())
"""


async def test_a_frozen_scheduler_loses_the_slot_and_cannot_record_it_afterwards(
    run: Runs, airline: Airline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        database.job_slots, "_LIMIT", "set local idle_in_transaction_session_timeout = '100ms'"
    )
    async with AsyncExitStack() as stack:
        finish = await stack.enter_async_context(working(run))
        assert await eventually(run) == 7
        finish()
        with pytest.raises(psycopg.Error):
            await stack.aclose()
    assert await airline.runs() == [(SLOT, 7)]


@asynccontextmanager
async def working(run: Runs) -> Any:
    """Keep the slot's work running until `finish` is called; its result is 1."""
    started, finish = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        started.set()
        await finish.wait()
        return 1

    task = asyncio.create_task(run(work=work))
    await started.wait()
    yield finish.set
    await task


async def eventually(run: Runs) -> int | None:
    done: list[int | None] = []

    async def is_run() -> bool:
        done.append(await run())
        return done[-1] is not None

    await await_until(is_run)
    return done[-1]
