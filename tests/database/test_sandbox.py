"""A ledger is live or a sandbox for ever, and only the clock of a sandbox can be moved."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analytics.schema import migrate
from database.sandbox import WrongKind
from ledger.ledger import open_ledger
from ledger.store import open_store
from runtime.failures import USAGE
from runtime.settings import Settings
from tests.desk import Desk

SANDBOX = Settings(sandbox=True)
MACHINE_TIME = {
    "analytics/follower/poison.py",
    "analytics/follower/swap.py",
    "audit/self_audit/rounds.py",
    "audit/self_audit/status.py",
    "database/activity.py",
    "database/job_slots.py",
    "database/sandbox.py",
    "database/sandbox.sql",
    "database/task_failures.py",
    "projections/due_work.py",
}
"""Files that ask the machine's clock, for the ages of the program's own work and of other sessions."""


@pytest.fixture
def sandbox_url(empty_database_url: str) -> str:
    migrate(empty_database_url, is_sandbox=True)
    return empty_database_url


async def test_a_live_program_refuses_a_sandbox(sandbox_url: str) -> None:
    with pytest.raises(WrongKind, match="a sandbox: start with --sandbox") as refusal:
        migrate(sandbox_url, is_sandbox=False)
    assert refusal.value.exit_code == USAGE
    with pytest.raises(WrongKind):
        async with open_ledger(sandbox_url, Settings()):
            pass
    with pytest.raises(WrongKind):
        await open_store(sandbox_url, Settings())


async def test_a_sandbox_program_refuses_a_live_ledger(database_url: str) -> None:
    with pytest.raises(WrongKind, match="live: start without --sandbox"):
        migrate(database_url, is_sandbox=True)
    with pytest.raises(WrongKind):
        async with open_ledger(database_url, SANDBOX):
            pass
    with pytest.raises(WrongKind):
        await open_store(database_url, SANDBOX)


def test_a_sandbox_program_leaves_a_live_ledger_of_an_earlier_release_as_it_is(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("delete from ledger.migrations where version > 20")
    with pytest.raises(WrongKind):
        migrate(database_url, is_sandbox=True)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select max(version) from ledger.migrations").fetchone() == (20,)


def test_commands_that_read_take_both_kinds(sandbox_url: str, database_url: str) -> None:
    assert migrate(sandbox_url) == migrate(database_url) == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("update ledger.sandbox set ahead = ahead - interval '1 second'", "never goes back"),
        ("delete from ledger.sandbox", "cannot become a live ledger"),
        ("truncate ledger.sandbox", "cannot become a live ledger"),
        ("insert into ledger.sandbox values (true, '-1 second')", "violates check constraint"),
    ],
)
def test_the_database_itself_keeps_the_kind_and_the_clock(
    sandbox_url: str, statement: str, reason: str
) -> None:
    with psycopg.connect(sandbox_url) as connection:
        connection.execute("update ledger.sandbox set ahead = '1 hour'")
        with pytest.raises(psycopg.Error, match=reason):
            connection.execute(statement.encode())


async def test_a_ledger_with_events_cannot_become_a_sandbox(desk: Desk, database_url: str) -> None:
    await desk.schedule()
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.Error, match="has live events"),
    ):
        connection.execute("insert into ledger.sandbox default values")


def test_views_for_analysts_go_by_the_clock_of_the_sandbox(sandbox_url: str) -> None:
    with psycopg.connect(sandbox_url) as connection:
        connection.execute("set role seatledger_analyst")
        connection.execute("select * from ledger.analytics_refund_ageing")
        found = connection.execute(
            "select count(*) from pg_catalog.pg_depend d join pg_catalog.pg_proc p on p.oid = d.refobjid"
            " where d.classid = 'pg_catalog.pg_rewrite'::regclass and p.proname in ('now', 'clock_timestamp')"
            " and p.pronamespace = 'ledger'::regnamespace"
        ).fetchone()
    assert found
    assert found[0] > 0


async def test_a_live_ledger_has_no_clock_besides_that_of_the_server(
    desk: Desk, rows: Callable[..., list[Any]]
) -> None:
    assert rows("select count(*) from ledger.sandbox") == [(0,)]
    clocks = (
        "select proname from pg_proc where pronamespace = 'ledger'::regnamespace and proname ~ 'now|time'"
    )
    assert rows(clocks) == []
    async with desk.ledger.read() as connection:
        path = await (await connection.execute("show search_path")).fetchone()
    assert path == ("ledger, pg_temp",)


def test_only_the_ages_of_work_are_measured_by_the_machine(checkout: Path) -> None:
    asks = re.compile(r"pg_catalog\.(clock_timestamp|statement_timestamp|now)\(\)")
    folders = ("analytics", "api", "audit", "database", "gateways", "ledger", "projections", "scheduler")
    found = {
        str(path.relative_to(checkout))
        for folder in folders
        for path in (checkout / folder).rglob("*")
        if path.suffix in (".py", ".sql") and asks.search(path.read_text())
    }
    assert found == MACHINE_TIME
