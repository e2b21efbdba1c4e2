"""Readiness refuses a database that could lose what was acknowledged, or that does not fit the program."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.ledger import open_ledger
from ledger.readiness import Readiness
from ledger.settings import Settings
from tests.ledger.conftest import Desk


async def ready(url: str) -> Readiness:
    async with open_ledger(url, Settings(deadline_seconds=1)) as ledger:
        return await ledger.readiness()


def failed(readiness: Readiness) -> list[str]:
    assert readiness.ok == all(check.ok for check in readiness.checks)
    return [check.name for check in readiness.checks if not check.ok]


async def test_a_fresh_ledger_is_ready(database_url: str) -> None:
    assert failed(await ready(database_url)) == []


async def test_it_tells_the_position(desk: Desk, database_url: str) -> None:
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


async def _eventually_failed(ledger: Any) -> list[str]:
    """A reload takes the server a moment."""
    names: list[str] = []
    for _ in range(200):
        names = failed(await ledger.readiness())
        if names:
            break
    return names


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("delete from ledger.migrations where version > 1", "seatledger migrate"),
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
