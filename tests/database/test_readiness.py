"""Readiness fails for a database that could lose acknowledged events or that does not fit the program."""

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from api.readiness import Readiness, check_readiness
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Unavailable
from runtime.settings import Settings
from tests.desk import Desk


async def ready(url: str) -> Readiness:
    async with open_ledger(url, Settings(deadline_seconds=1)) as ledger:
        return await check_readiness(ledger)


def failed(readiness: Readiness) -> list[str]:
    assert readiness.ok == all(check.ok for check in readiness.checks if check.vital)
    return [check.name for check in readiness.checks if not check.ok]


async def test_a_fresh_ledger_is_ready(database_url: str) -> None:
    assert failed(await ready(database_url)) == []


async def test_readiness_reports_the_position(desk: Desk, database_url: str) -> None:
    await desk.schedule()
    assert (await ready(database_url)).position == 1


@pytest.mark.parametrize("setting", ["synchronous_commit = off", "synchronous_commit = 'off'"])
async def test_a_database_that_does_not_wait_for_the_disk_is_refused(
    database_url: str, rows: Callable[[str], Any], setting: str
) -> None:
    ((name,),) = rows("select current_database()")
    rows(f"alter database {name} set {setting}")
    assert failed(await ready(database_url)) == ["durability"]


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_does_not_wait_for_the_disk_is_refused(
    database_url: str, rows: Callable[[str], Any], setting: str
) -> None:
    rows(f"alter system set {setting} = off")
    rows("select pg_reload_conf()")
    try:
        async with open_ledger(database_url, Settings()) as ledger:
            assert await _eventually_failed(ledger) == ["durability"]
    finally:
        rows(f"alter system reset {setting}")
        rows("select pg_reload_conf()")


async def test_a_role_that_does_not_wait_for_the_disk_is_refused(
    database_url: str, rows: Callable[[str], Any]
) -> None:
    rows("alter role seatledger_writer set synchronous_commit = off")
    try:
        assert failed(await ready(database_url)) == ["durability"]
    finally:
        rows("alter role seatledger_writer reset synchronous_commit")


async def test_settings_of_another_database_do_not_matter(
    database_url: str, rows: Callable[[str], Any]
) -> None:
    rows("alter database postgres set synchronous_commit = off")
    try:
        assert failed(await ready(database_url)) == []
    finally:
        rows("alter database postgres reset synchronous_commit")


async def test_a_database_that_does_not_answer_is_not_ready(
    database_url: str, server_url: str, rows: Callable[[str], Any]
) -> None:
    ((name,),) = rows("select current_database()")
    async with open_ledger(database_url, Settings(deadline_seconds=0.5)) as ledger:
        with psycopg.connect(server_url, autocommit=True) as owner:
            owner.execute(f"alter database {name} allow_connections false")  # type: ignore[arg-type]
            owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )
        assert failed(await check_readiness(ledger)) == ["database"]


async def test_a_query_gets_no_connection_that_the_server_has_closed(
    database_url: str, end_sessions: Callable[[str], None]
) -> None:
    async with open_ledger(database_url, Settings()) as ledger:
        async with AsyncExitStack() as readers:
            for _ in range(3):
                await readers.enter_async_context(ledger.read())
        end_sessions("seatledger reader")
        for _ in range(3):
            await _read(ledger)


async def test_a_connection_that_breaks_in_use_makes_the_pool_close_the_others(
    database_url: str, end_sessions: Callable[[str], None]
) -> None:
    async with open_ledger(database_url, Settings()) as ledger:
        async with AsyncExitStack() as readers:
            for _ in range(3):
                await readers.enter_async_context(ledger.read())
        assert ledger.pool.in_use == 3
        with pytest.raises(Unavailable):
            await _read(ledger, lambda: end_sessions("seatledger reader"))
        assert ledger.pool.in_use == 0
        await _read(ledger)


async def _read(ledger: Ledger, before: Callable[[], None] = lambda: None) -> None:
    async with ledger.read() as connection:
        before()
        await connection.execute("select 1")


async def test_a_late_sweep_is_reported_and_fails_no_check(
    desk: Desk, database_url: str, rows: Callable[[str], Any]
) -> None:
    flight = await desk.schedule()
    for user in ("alice", "bob"):
        await desk.hold(flight, user)
    assert detail_of(await ready(database_url), "sweep") == "last never, scheduler never seen, 0 holds due"
    rows("update ledger.bookings set held_until = now() where user_id = 'alice'")
    rows("insert into ledger.job_runs values ('expire_holds', now(), now() - interval '2 hours', 0)")
    rows("insert into ledger.heartbeats values ('scheduler', now() - interval '1 hour')")
    readiness = await ready(database_url)
    assert failed(readiness) == []
    late = r"last 72\d\d s ago \(.*Z\), scheduler seen 36\d\d s ago \(.*Z\), 1 holds due"
    assert re.fullmatch(late, detail_of(readiness, "sweep"))


def detail_of(readiness: Readiness, name: str) -> str:
    (detail,) = (check.detail for check in readiness.checks if check.name == name)
    return detail


async def _eventually_failed(ledger: Any) -> list[str]:
    """Return the failed checks once there are any: a reload takes the server a moment."""
    names: list[str] = []
    for _ in range(200):
        names = failed(await check_readiness(ledger))
        if names:
            break
    return names


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("delete from ledger.migrations where version > 1", "seatledger migrate"),
        ("delete from ledger.migrations where version = 2", "seatledger migrate"),
        ("update ledger.migrations set sha256 = 'x' where version = 2", "Migration 2 was edited"),
        ("insert into ledger.migrations values (9999, 'future', '')", "newer program"),
    ],
)
async def test_another_schema_is_refused(
    database_url: str, rows: Callable[[str], Any], statement: str, advice: str
) -> None:
    rows(statement)
    readiness = await ready(database_url)
    assert failed(readiness) == ["schema"]
    assert any(advice in check.detail for check in readiness.checks)
