"""Settings that an administrator or the environment sets for sessions do not change what the program does."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.readiness import check_readiness
from audit.proofs.keys import signing_key
from cli.main import main
from database.connection import WrongEncoding, connect, connect_as_owner, connect_sync, session
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.desk import Desk

ODD = {
    "datestyle": ["German", "SQL, DMY", "Postgres, MDY"],
    "intervalstyle": ["sql_standard", "iso_8601", "postgres_verbose"],
    "timezone": ["Asia/Kathmandu"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15"],
    "client_encoding": ["latin1", "sql_ascii"],
    "quote_all_identifiers": ["on"],
    "standard_conforming_strings": ["off"],
    "array_nulls": ["off"],
    "transform_null_equals": ["on"],
    "search_path": ["hostile, pg_catalog", "''"],
    "row_security": ["on"],
    "default_transaction_isolation": ["serializable", "repeatable read"],
    "default_transaction_read_only": ["on"],
    "default_transaction_deferrable": ["on"],
    "statement_timeout": ["500ms"],
    "lock_timeout": ["1ms"],
    "idle_in_transaction_session_timeout": ["1s"],
    "idle_session_timeout": ["2s"],
    "exit_on_error": ["on"],
    "client_min_messages": ["error"],
    "xmloption": ["document"],
    "plan_cache_mode": ["force_custom_plan"],
    "default_text_search_config": ["pg_catalog.german"],
    "lc_messages": ["C"],
}
ROUNDS = max(map(len, ODD.values()))

HOSTILE = """
    create schema hostile;
    create function hostile.sha256(bytea) returns bytea language sql as 'select null::bytea';
    create function hostile.current_setting(text) returns text language sql as $$select 'off'$$;
    create function hostile.set_config(text, text, boolean) returns text language sql as 'select $1'
"""


@pytest.fixture
def set_for_database(server_url: str) -> Callable[[str, dict[str, str]], None]:
    """Return a function that sets these settings for all new sessions of a database."""

    def change(url: str, values: dict[str, str]) -> None:
        name = conninfo_to_dict(url)["dbname"]
        with psycopg.connect(server_url, autocommit=True) as connection:
            for setting, value in values.items():
                connection.execute(f"alter database {name} set {setting} to {_quoted(value)}".encode())

    return change


@pytest.fixture(params=range(ROUNDS))
def odd_url(
    request: pytest.FixtureRequest, database_url: str, rows: Callable[..., Any], set_for_database: Any
) -> str:
    """A database whose every setting is odd."""
    rows(HOSTILE)
    set_for_database(database_url, {name: odd[request.param % len(odd)] for name, odd in ODD.items()})
    return database_url


def _quoted(value: str) -> str:
    return value if "," in value or value.startswith("'") else f"'{value}'"


@pytest.mark.parametrize("source", ["database", "PGOPTIONS"])
async def test_every_connection_has_the_settings_of_the_program(
    source: str, database_url: str, set_for_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = dict(re.findall(r"\('(\w+)', '([^']*)'\)", session(database_url).decode()))
    odd = {name: ODD[name][0] for name in wanted.keys() & ODD.keys()}
    if source == "database":
        set_for_database(database_url, odd)
    if source == "PGOPTIONS":
        options = [f"-c {name}={value}".replace(", ", ",\\ ") for name, value in odd.items()]
        monkeypatch.setenv("PGOPTIONS", " ".join(options))
        monkeypatch.setenv("PGDATESTYLE", "German")
        monkeypatch.setenv("PGTZ", "Asia/Kathmandu")
        monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    known = "select name, pg_catalog.current_setting(name) from pg_settings"
    with connect_sync(database_url, "test") as blocking:
        found = [dict(blocking.execute(known).fetchall())]
    async with open_ledger(database_url, Settings()) as ledger, ledger.read() as pooled:
        for connection in (
            await connect(database_url, "test"),
            await connect_as_owner(database_url, "test"),
            pooled,
        ):
            found.append(dict(await (await connection.execute(known)).fetchall()))
            if connection is not pooled:
                await connection.close()
    for settings in found:
        assert {name: value for name, value in wanted.items() if settings.get(name, value) != value} == {}


async def test_a_ledger_with_odd_settings_is_ready_and_sells(odd_url: str) -> None:
    async with open_ledger(odd_url, Settings(deadline_seconds=5)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        booking = (await desk.hold(flight, "alice")).subject_id
        assert (await desk.pay(booking, "alice")).status == 200
        readiness = await check_readiness(ledger)
        assert [check for check in readiness.checks if not check.ok] == []


async def test_every_command_works_with_odd_settings(
    odd_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", odd_url)
    monkeypatch.setenv("SEATLEDGER_DATA", str(tmp_path))
    signing_key(Settings(data=tmp_path))
    async with open_ledger(odd_url, Settings()) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        booking = str((await desk.hold(flight, "alice")).subject_id)
    for command in (
        ["verify"],
        ["history", booking],
        ["replay", booking],
        ["show", booking, "--as-of", datetime.now(UTC).isoformat()],
        ["self-audit"],
        ["rebuild", "bookings"],
        ["export", "bookings", "--format", "csv"],
        ["export", "events", "--format", "csv"],
        ["what-if"],
        ["dictionary"],
        ["checkpoint"],
        ["prove", booking],
        ["migrate"],
        ["forget", "--list"],
    ):
        assert await asyncio.to_thread(main, command) == 0, (command, capsys.readouterr())


def test_an_empty_database_with_odd_settings_is_migrated(
    empty_database_url: str, set_for_database: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_for_database(empty_database_url, {name: odd[0] for name, odd in ODD.items()})
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert main(["migrate", "--data", str(tmp_path)]) == 0


def test_connections_are_opened_in_one_place(checkout: Path) -> None:
    shipped = (
        "analytics",
        "api",
        "audit",
        "cli",
        "database",
        "gateways",
        "ledger",
        "projections",
        "scheduler",
    )
    opened = re.compile(r"(psycopg|Connection(\[.*\])?)\.connect\(")
    found = {
        str(file.relative_to(checkout))
        for folder in shipped
        for file in (checkout / folder).rglob("*.py")
        if opened.search(file.read_text(encoding="utf-8"))
    }
    # The second one only asks whether the server answers.
    assert found == {"database/connection.py", "database/embedded/startup.py"}


@pytest.fixture
def latin_url(server_url: str) -> Iterator[str]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create database latin encoding 'latin1' locale 'C' template template0")
        yield make_conninfo(server_url, dbname="latin")
        connection.execute(sql.SQL("drop database latin with (force)"))


@pytest.mark.parametrize("command", ["migrate", "up", "api", "scheduler", "verify", "dictionary"])
def test_a_database_that_is_not_utf8_is_refused_in_one_line(
    command: str,
    latin_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", latin_url)
    assert main([command, "--data", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the database has the encoding LATIN1: it must be UTF8" in line


async def test_the_writer_refuses_a_database_that_is_not_utf8(latin_url: str) -> None:
    with pytest.raises(WrongEncoding):
        await connect(latin_url, "test")


def test_the_environment_does_not_lead_the_embedded_database_elsewhere(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    with connect_sync(server_url, "test") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
