"""Readiness fails while no command can be decided, and passes again with the first block."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest

import ledger.progress
import ledger.readiness
from api.readiness import check_readiness
from database.connection import connect_sync
from database.readiness import Check
from domain.commands.bookings import InitiateBooking
from domain.handlers import HANDLERS
from ledger.block import HandlerFailed
from ledger.ledger import open_ledger
from ledger.progress import Progress
from ledger.readiness import writer_check
from ledger.statements import HEAD_LOCK
from ledger.store import Store
from ledger.submission import Unavailable
from runtime.settings import Settings
from tests.desk import Desk
from tests.waiting import await_until

DEADLINE_SECONDS = 0.5


@pytest.fixture
async def hasty(database_url: str) -> AsyncIterator[Desk]:
    async with open_ledger(database_url, Settings(deadline_seconds=DEADLINE_SECONDS)) as ledger:
        yield Desk(ledger)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every check try the lock."""
    monkeypatch.setattr(ledger.readiness, "PAUSE_SECONDS", 0.0)


async def check(desk: Desk) -> Check:
    """Run the check `writer`."""
    async with desk.ledger.read() as connection:
        return await writer_check(connection, desk.ledger.writer_progress, DEADLINE_SECONDS)


async def decide_one(desk: Desk, flight: UUID) -> None:
    """Repeat a booking until it is decided, because the writer may still be in its backoff."""

    async def is_decided() -> bool:
        with suppress(Unavailable):
            return (await desk.hold(flight, "alice")).status == 200
        return False

    await await_until(is_decided)


async def test_readiness_fails_with_its_check_of_the_writer(desk: Desk, database_url: str) -> None:
    assert (await check_readiness(desk.ledger)).ok
    with connect_sync(database_url, "test", autocommit=False) as holder:
        holder.execute(HEAD_LOCK)
        readiness = await check_readiness(desk.ledger)
    assert not readiness.ok
    assert [check.name for check in readiness.checks if not check.ok] == ["writer"]


async def test_the_check_fails_while_another_session_keeps_the_head_lock(
    hasty: Desk, database_url: str
) -> None:
    flight = await hasty.schedule()
    with connect_sync(database_url, "test", autocommit=False) as holder:
        holder.execute(HEAD_LOCK)
        with pytest.raises(Unavailable):
            await hasty.hold(flight, "alice")
        failed = await check(hasty)
        assert not failed.ok
        assert "the head lock could not be taken (LockNotAvailable)" in failed.detail
    await decide_one(hasty, flight)
    again = await check(hasty)
    assert again.ok
    assert again.detail.startswith("last block ")


async def test_the_check_tells_how_long_a_block_has_waited(hasty: Desk, database_url: str) -> None:
    flight = await hasty.schedule()
    with connect_sync(database_url, "test", autocommit=False) as holder:
        holder.execute(HEAD_LOCK)
        holding = asyncio.create_task(hasty.hold(flight, "alice"))
        await await_until(lambda: hasty.ledger.writer_progress.waited_seconds)
        assert "the current one has waited" in (await check(hasty)).detail
        with pytest.raises(Unavailable):
            await holding


async def test_a_broken_connection_is_no_obstacle(desk: Desk, rows: Callable[..., Any]) -> None:
    progress = desk.ledger.writer_progress
    async with desk.ledger.read() as connection:
        rows("select pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            await writer_check(connection, progress, DEADLINE_SECONDS)
    assert progress.obstacle is None


async def test_readiness_needs_no_command_to_find_the_head_lock_kept(hasty: Desk, database_url: str) -> None:
    assert (await check(hasty)).detail == "no block yet"
    with connect_sync(database_url, "test", autocommit=False) as holder:
        holder.execute(HEAD_LOCK)
        assert not (await check(hasty)).ok
    assert (await check(hasty)).ok


async def test_after_a_recent_block_readiness_leaves_the_head_lock_alone(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.readiness, "PAUSE_SECONDS", 60.0)
    await desk.schedule()
    with connect_sync(database_url, "test", autocommit=False) as holder:
        holder.execute(HEAD_LOCK)
        assert (await check(desk)).ok


async def test_of_many_checks_at_once_one_tries_the_head_lock(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, attempts = asyncio.Event(), []

    async def find_obstacle(*anything: Any) -> None:
        attempts.append(1)
        await finish.wait()

    monkeypatch.setattr(ledger.readiness, "_find_obstacle", find_obstacle)
    checks = [asyncio.create_task(check(desk)) for _ in range(5)]
    await await_until(lambda: sum(one.done() for one in checks) == 4)
    finish.set()
    await asyncio.gather(*checks)
    assert attempts == [1]


async def test_readiness_does_not_keep_the_head_lock(desk: Desk, rows: Callable[[str], Any]) -> None:
    async with desk.ledger.read() as connection:
        assert (await writer_check(connection, desk.ledger.writer_progress, DEADLINE_SECONDS)).ok
        # Before the pool ends what the check may have left open.
        assert rows("select one from ledger.head for update nowait") == [(True,)]


async def test_readiness_fails_while_every_block_fails_and_names_no_text_of_the_error(
    hasty: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await hasty.schedule()

    async def fail(*anything: Any) -> None:
        raise psycopg.errors.DiskFull("no room for alice")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "write", fail)
        with pytest.raises(Unavailable):
            await hasty.hold(flight, "alice")
        with pytest.raises(Unavailable):
            await hasty.hold(flight, "alice")
        failed = await check(hasty)
        assert not failed.ok
        assert "no command was decided for" in failed.detail
        assert "(DiskFull)" in failed.detail
        assert "alice" not in failed.detail
    await decide_one(hasty, flight)
    assert (await check(hasty)).ok


async def test_failures_are_forgotten_when_no_command_came_for_a_while(
    hasty: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*anything: Any) -> None:
        raise psycopg.errors.DiskFull

    monkeypatch.setattr(Store, "write", fail)
    with pytest.raises(Unavailable):
        await hasty.schedule()

    async def is_ready() -> bool:
        return (await check(hasty)).ok

    await await_until(is_ready)


async def test_a_command_with_a_bug_does_not_take_the_ledger_out_of_service(
    hasty: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await hasty.schedule()

    def fail(*anything: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setitem(HANDLERS, InitiateBooking, fail)
    with pytest.raises(HandlerFailed):
        await decide_one(hasty, flight)
    assert hasty.ledger.writer_progress.failing_seconds(DEADLINE_SECONDS) == 0
    assert (await check(hasty)).ok


def test_a_failure_after_an_idle_time_counts_from_its_own_block(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(ledger.progress, "_now", lambda: now[0])
    progress = Progress()
    progress.start(forget_seconds=5)
    progress.fail(OSError())
    progress.end()
    now[0] += 6
    progress.start(forget_seconds=5)
    now[0] += 1
    assert (progress.failing_seconds(5), progress.failures) == (1, 0)


async def test_a_block_ends_the_obstacle_that_a_check_found(
    hasty: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await hasty.schedule()
    with connect_sync(database_url, "test", autocommit=False) as holder:
        holder.execute(HEAD_LOCK)
        assert not (await check(hasty)).ok
    monkeypatch.setattr(ledger.readiness, "PAUSE_SECONDS", 60.0)  # the next check tries no lock
    await decide_one(hasty, flight)
    assert (await check(hasty)).ok


async def test_without_the_row_of_the_head_lock_nothing_is_decided(
    hasty: Desk, tamper: Callable[[str], Any]
) -> None:
    flight = await hasty.schedule()
    tamper("delete from ledger.head")
    with pytest.raises(Unavailable):
        await hasty.hold(flight, "alice")
    failed = await check(hasty)
    assert not failed.ok
    assert "table head has no row" in failed.detail
    tamper("insert into ledger.head values (true)")
    await decide_one(hasty, flight)
