"""State that is derived from the log: emptied or changed by a superuser, it is made anew, or named."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.readiness import check_readiness
from audit.self_audit import folding, round_state, rounds
from cli.main import main
from ledger.ledger import open_ledger
from runtime.settings import Settings
from scheduler.main import run
from tests.analytics.trade import Trade
from tests.audit.self_audit.conftest import Audit
from tests.desk import Desk
from tests.waiting import await_until

Rows = Callable[..., list[Any]]
Told = Callable[[], list[str]]

DIGESTS = "select first, last, rows, digest from ledger.audited_ranges order by first"
COUNTS = "select flight_id, seats, held, booked from ledger.audited_seats order by 1"

ALTERATIONS = {
    "truncate ledger.audited_ranges": "self_audit.begun_anew",
    "truncate ledger.audited_seats": "self_audit.counts_renewed",
    "truncate ledger.self_audit": "self_audit.row_missing",
    "truncate ledger.self_audit, ledger.audited_ranges, ledger.audited_seats": "self_audit.row_missing",
    "delete from ledger.audited_ranges where last = 'ffffffff-ffff-ffff-ffff-ffffffffffff'": (
        "self_audit.begun_anew"
    ),
    "delete from ledger.audited_ranges where first = '00000000-0000-0000-0000-000000000000'": (
        "self_audit.begun_anew"
    ),
    "update ledger.audited_ranges set digest = digest + 1": "self_audit.digest_renewed",
    "update ledger.audited_seats set held = held + 1": "self_audit.counts_renewed",
    "update ledger.self_audit set position = 1": "self_audit.begun_anew",
    "update ledger.self_audit set position = 1000000": "self_audit.begun_anew",
    "update ledger.self_audit set position = 0, newest = default": None,
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
async def test_the_audits_own_state_is_made_anew_and_blames_no_view(
    trade: Trade, audit: Audit, rows: Rows, told: Told, monkeypatch: pytest.MonkeyPatch, alteration: str
) -> None:
    monkeypatch.setattr(folding, "RANGE_ROWS", 10)
    monkeypatch.setattr(rounds, "CHUNK", 20)
    monkeypatch.setattr(rounds, "RANGES_AT_ONCE", 2)
    await trade.rush(2)
    assert (await audit()).ok
    compared, digests, counts = (await audit()).rows, rows(DIGESTS), rows(COUNTS)
    assert len(digests) > 3
    rows(alteration)
    status = await audit()
    assert (status.ok, status.rows) == (True, compared)
    assert (await audit()).rows == compared
    assert sum(row[2] for row in rows(DIGESTS)) == sum(row[2] for row in digests)
    assert sum(row[3] for row in rows(DIGESTS)) == sum(row[3] for row in digests)
    assert rows(COUNTS) == counts
    event = ALTERATIONS[alteration]
    assert event is None or event in told()
    assert "self_audit.divergent" not in told()


async def test_changed_seats_are_still_blamed_after_a_recount(
    trade: Trade, audit: Audit, rows: Rows, tamper: Any
) -> None:
    await trade.rush(1)
    assert (await audit()).ok
    tamper("update ledger.seats set seats = seats + 1; truncate ledger.audited_seats")
    status = await audit()
    assert not status.ok
    assert "the log says" in (status.reason or "")
    tamper("truncate ledger.seats")
    assert "None, the log says" in ((await audit()).reason or "")


async def test_seats_of_a_flight_without_events_are_blamed_each_round(
    trade: Trade, audit: Audit, tamper: Any, told: Told
) -> None:
    await trade.rush(1)
    tamper("insert into ledger.seats values (gen_random_uuid(), 1, 0, 0)")
    for _ in range(2):
        assert "of which the log has no event" in ((await audit()).reason or "")
    assert "self_audit.counts_renewed" not in told()


@pytest.mark.parametrize("table", ["self_audit", "audited_ranges", "audited_seats"])
async def test_the_command_ends_without_a_traceback_on_emptied_tables(
    log: Any, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any, table: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    rows(f"truncate ledger.{table}")
    assert await asyncio.to_thread(main, ["self-audit"]) == 0
    assert capsys.readouterr().out.startswith("ok: 6 rows")


async def test_the_command_reports_an_unexpected_failure_in_one_line(
    log: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async def fails(*_: Any) -> None:
        raise UnboundLocalError("last")

    monkeypatch.setattr(rounds, "_compare", fails)
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert await asyncio.to_thread(main, ["self-audit"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("seatledger: the self-audit failed, and compared nothing: UnboundLocalError")
    assert told.count("\n") == 1


EMPTIED: dict[str, str] = {
    "ledger.heartbeats": "made anew",
    "ledger.job_runs": "made anew",
    "ledger.self_audit": "made anew",
    "ledger.audited_ranges": "made anew",
    "ledger.audited_seats": "made anew",
    "ledger.task_failures": "made anew",
    "ledger.facts_builds": "made anew",
    "ledger.seats": "self-audit",
    "ledger.flights": "self-audit",
    "ledger.bookings": "self-audit",
    "ledger.refunds": "self-audit",
    "ledger.migrations": "schema",
}
"""Tables that are no part of the log, and what becomes of each: made anew, or the check that names it."""


async def test_an_emptied_table_is_made_anew_or_named_while_the_program_runs(
    log: Any, desk: Desk, rows: Rows, tamper: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_state, "REST_SECONDS_MIN", 0.1)
    monkeypatch.setattr(round_state, "REST_SECONDS_MAX", 0.1)
    stop = asyncio.Event()
    running = asyncio.create_task(run(desk.ledger, Settings(sweep_cron="* * * * * *"), database_url, stop))

    async def failed() -> dict[str, str]:
        async with open_ledger(database_url, Settings()) as ledger:
            readiness = await check_readiness(ledger)
        return {check.name: check.detail for check in readiness.checks if not check.ok}

    def count(table: str) -> int:
        return int(rows(f"select count(*) from {table}")[0][0])

    async def is_well() -> bool:
        return (
            rows("select rows = 6 and first_bad_position is null from ledger.self_audit") == [(True,)]
            and not await failed()
        )

    await await_until(is_well, message=lambda: "the start")
    for table, result in EMPTIED.items():
        rows(f"create table kept as table {table}" if result != "made anew" else "select 1")
        columns = rows(
            "select string_agg(attname, ', ') from pg_attribute where attrelid = %s::regclass"
            " and attnum > 0 and attgenerated = ''",
            table,
        )[0][0]
        tamper(f"truncate {table}")
        if result == "made anew":
            if table != "ledger.task_failures":
                await await_until(lambda table=table: count(table), message=table)
        else:

            async def is_named(result: str = result) -> bool:
                return result in await failed()

            await await_until(is_named, message=table)
            tamper(f"insert into {table} ({columns}) select {columns} from kept; drop table kept")
        await await_until(is_well, message=lambda table=table: f"after {table}")
    stop.set()
    await running
