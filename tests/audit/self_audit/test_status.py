"""The status appears in readiness, metrics, the log, the terminal and the auditor's API."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import scheduler.auditor
from api.http.metrics import exposition
from api.readiness import check_readiness
from audit.self_audit.rounds import step
from audit.self_audit.status import read_status
from cli.main import main
from database.connection import Connection
from database.readiness import Check
from ledger.ledger import open_ledger
from runtime.settings import Settings
from scheduler.main import run
from tests.audit.self_audit.conftest import Audit
from tests.desk import Desk
from tests.own_connections import Auditor
from tests.scheduler.test_program import until

Rows = Callable[..., list[Any]]


async def shown(url: str) -> tuple[Check, bool]:
    async with open_ledger(url, Settings()) as ledger:
        readiness = await check_readiness(ledger)
    (check,) = (check for check in readiness.checks if check.name == "self-audit")
    return check, readiness.ok


async def test_readiness_names_the_position_and_stays_ready(
    log: Any, audit: Audit, tamper: Any, database_url: str
) -> None:
    await audit()
    assert (await shown(database_url))[0].ok
    tamper("update ledger.bookings set user_id = 'mallory' where user_id = 'bob'")
    await audit()
    check, is_ready = await shown(database_url)
    assert (check.ok, check.vital, is_ready) == (False, False, True)
    assert check.detail.startswith("DIVERGENT from the log at position 3; ")


async def test_an_old_round_is_not_ok(
    log: Any, audit: Audit, rows: Rows, tamper: Any, database_url: str
) -> None:
    assert (await shown(database_url))[0].ok
    for sign in "-+":
        tamper(f"update ledger.events set recorded_at = recorded_at {sign} interval '3 minutes'")
        assert (await shown(database_url))[0].ok == (sign == "+")
    await audit()
    assert (await shown(database_url))[0].ok
    rows("update ledger.self_audit set finished_at = now() - interval '3 minutes'")
    assert not (await shown(database_url))[0].ok


async def test_the_metrics_show_the_status(log: Any, auditor: Connection, audit: Audit, tamper: Any) -> None:
    await audit()
    assert b"ledger_self_audit_divergent 0.0" in exposition(8, 0, (), await read_status(auditor))
    tamper("update ledger.bookings set seats = 9")
    text = exposition(8, 0, (), await audit())
    assert b"ledger_self_audit_divergent 1.0" in text
    assert b"ledger_self_audit_rows 6.0" in text
    assert b"ledger_self_audit_age_seconds 0." in text


async def test_turns_are_logged_once(
    log: Any, rows: Rows, tamper: Any, database_url: str, told: Callable[[], list[str]]
) -> None:
    auditor = Auditor(database_url)

    async def round() -> None:
        rows("update ledger.self_audit set began_at = null where next is null")
        auditor._resting_until = 0
        while auditor._resting_until == 0 or await _is_under_way(rows):
            await auditor.run()

    await round()
    tamper("update ledger.seats set held = held + 1")
    for _ in range(3):
        await round()
    tamper("update ledger.seats set held = held - 1")
    for _ in range(2):
        await round()
    await auditor.close()
    turns = [line for line in told() if line.startswith("self_audit")]
    assert turns == ["self_audit.divergent", "self_audit.agrees_again"]


async def _is_under_way(rows: Rows) -> bool:
    return bool(rows("select next is not null from ledger.self_audit")[0][0])


async def test_the_scheduler_does_rounds(log: Any, desk: Desk, rows: Rows, database_url: str) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run(desk.ledger, Settings(sweep_cron=""), database_url, stop))
    await until(lambda: _rows_compared(rows), 6)
    stop.set()
    await running


async def _rows_compared(rows: Rows) -> int:
    return rows("select coalesce(rows, 0) from ledger.self_audit")[0][0] or 0


async def test_a_passing_error_is_logged_once(
    log: Any,
    end_sessions: Callable[[str], None],
    database_url: str,
    told: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def lose_connection(connection: Connection, **_: Any) -> float:
        end_sessions(NAME)
        return await step(connection)

    auditor = Auditor(database_url)
    await auditor.run()
    with monkeypatch.context() as losing:
        losing.setattr(scheduler.auditor, "step", lose_connection)
        for _ in range(2):
            auditor._resting_until = 0
            await auditor.run()
    auditor._resting_until = 0
    await auditor.run()
    await auditor.close()
    assert told().count("self_audit.interrupted") == 1
    assert told().count("self_audit.back") == 1


NAME = "seatledger self-audit"


async def test_a_pulse_ends_in_bounded_time(
    log: Any, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.auditor, "WORK_SECONDS", 0)
    auditor = Auditor(database_url)
    await auditor.run()
    assert rows("select began_at from ledger.self_audit") == [(None,)]
    await auditor.close()


async def test_an_unresponsive_server_is_abandoned(
    log: Any, rows: Rows, database_url: str, told: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.auditor, "STEP_SECONDS_MAX", 0.2)
    auditor = Auditor(database_url)
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table ledger.audited_ranges in access exclusive mode")
        await auditor.run()
        assert told().count("self_audit.interrupted") == 1
        assert auditor.own.pool.in_use == 0, "it was severed before the server had said anything"


async def test_a_round_by_hand(
    log: Any, tamper: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert await asyncio.to_thread(main, ["self-audit", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["position"], told["rows"]) == (True, 8, 6)
    tamper("delete from ledger.refunds")
    assert await asyncio.to_thread(main, ["self-audit"]) == 1
    assert capsys.readouterr().out.startswith("NOT ok: first bad position 8: refunds does not show")


def test_the_auditor_reads_the_status_and_changes_nothing(database_url: str) -> None:
    with psycopg.connect(database_url, options="-c role=seatledger_auditor", autocommit=True) as connection:
        for table in ("self_audit", "audited_ranges", "audited_seats"):
            connection.execute(f"select * from ledger.{table}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"delete from ledger.{table}".encode())


def test_every_column_is_explained(rows: Rows) -> None:
    silent = rows(
        "select attrelid::regclass::text, attname from pg_attribute"
        " where attrelid = 'ledger.self_audit'::regclass and attnum > 0 and attname <> 'one'"
        " and col_description(attrelid, attnum) is null"
    )
    assert silent == []
