"""Two ledgers in one database know nothing of each other, and each is complete."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from audit.verify import verify
from cli.main import main
from database import registry
from database.connection import connect, connect_sync
from database.naming import role_of, schema_of
from database.objects import differing_objects
from database.registry import LedgerEntry, RegistryError
from ledger.ids import number_in
from ledger.ledger import Ledger
from ledger.master_key_file import with_master_keys
from runtime.settings import Settings
from tests.desk import Desk

Rows = Callable[..., list[Any]]
Run = Callable[..., int]


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of the command line on the deployment."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *arguments: main([*arguments, "--data", str(tmp_path)])


@pytest.fixture
def other(database_url: str, run: Run) -> LedgerEntry:
    """A second ledger, `ai`, with sealed names. The names of `main` are not sealed."""
    assert run("ledgers", "create", "ai", "--carriers", "AI,IX") == 0
    with connect_sync(database_url, "test") as connection:
        return registry.find_entry(registry.read_sync(connection), "ai")


def test_a_ledger_is_listed_after_it_was_created(
    other: LedgerEntry, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("ledgers") == 0
    assert capsys.readouterr().out.splitlines() == [
        "   0 main: carriers all others",
        "   1 ai: carriers AI,IX",
    ]
    assert run("ledgers", "retire", "ai", "--json") == 0
    assert '"is_retired":true' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("create", "ai"), "there is a ledger ai already"),
        (("create", "ix", "--carriers", "IX"), "the ledger ai has the carrier IX already"),
        (("create", "Ix"), "is no name for a ledger"),
        (("create", "a;b"), "is no name for a ledger"),
        (("create", "ix", "--carriers", "ix"), "is no carrier"),
        (("create", "far", "--url-variable", "NOT_SET"), "NOT_SET names: set this variable"),
        (("retire", "ix"), "there is no ledger 'ix'; the ledgers are: main, ai"),
        (("retire", "main"), "cannot be retired"),
        (("carriers", "main", "--carriers", "AI"), "has the carrier AI already"),
    ],
)
def test_a_wrong_change_of_the_registry_changes_nothing(
    other: LedgerEntry,
    run: Run,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    before = rows("select * from seatledger.ledgers"), rows("select nspname from pg_namespace order by 1")
    assert run("ledgers", *arguments) != 0
    assert reason in capsys.readouterr().err
    assert (
        rows("select * from seatledger.ledgers"),
        rows("select nspname from pg_namespace order by 1"),
    ) == before


async def test_both_ledgers_book_and_verify(
    other: LedgerEntry,
    database_url: str,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
    run: Run,
    tmp_path: Path,
) -> None:
    url = registry.url_of(other, database_url)
    sealed = with_master_keys(Settings(data=tmp_path))
    for ledger, seats in ((Ledger(database_url, Settings()), 3), (Ledger(url, sealed, entry=other), 5)):
        await ledger.open()
        desk = Desk(ledger)
        flight = await desk.schedule(seats=seats)
        booking = (await desk.hold(flight, "alice")).subject_id
        await desk.pay(booking, "alice")
        assert number_in(flight) == number_in(booking) == ledger.entry.number
        await ledger.close()
    assert rows("select seats from ledger.seats") == [(3,)]
    assert rows("select seats from ledger_ai.seats") == [(5,)]
    for each in (database_url, url):
        assert verify(each, workers=1).ok
        with connect_sync(each, "test") as connection:
            assert differing_objects(connection) == []
    capsys.readouterr()
    assert run("verify", "--ledger", "ai") == 0
    assert "ok: 4 events checked" in capsys.readouterr().out
    rows("set session_replication_role = replica; update ledger_ai.seats set held = 1")
    assert (run("verify", "--ledger", "ai"), run("verify")) == (1, 0)


async def test_no_role_of_one_ledger_has_a_right_to_the_other(
    other: LedgerEntry, database_url: str, rows: Rows
) -> None:
    for mine, others in (("ledger", "ledger_ai"), ("ledger_ai", "ledger")):
        relations = rows(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v')",
            others,
        )
        assert len(relations) > 40
        for kind in ("writer", "analyst", "auditor"):
            for (name,) in relations:
                for statement in (
                    f"select from {others}.{name}",
                    f"delete from {others}.{name}",
                    f"lock table {others}.{name} in access share mode",
                ):
                    with (
                        psycopg.connect(database_url, options=f"-c role={role_of(mine, kind)}") as connection,  # type: ignore[arg-type]
                        pytest.raises(psycopg.errors.InsufficientPrivilege),
                    ):
                        connection.execute(statement.encode())


async def test_a_session_sees_only_the_ledger_of_its_connection_string(
    other: LedgerEntry, database_url: str
) -> None:
    url = registry.url_of(other, database_url)
    assert (schema_of(database_url), schema_of(url)) == ("ledger", "ledger_ai")
    connection = await connect(url, "test")
    async with connection:
        found = await (
            await connection.execute("select current_user, current_setting('search_path')")
        ).fetchall()
        assert found == [("seatledger_ai_writer", "ledger_ai, pg_temp")]


@pytest.mark.parametrize("options", ["-csearch_path=public", "-c search_path=ledger,public", "-cjit=off"])
def test_only_the_schema_of_a_ledger_is_taken_from_a_connection_string(
    options: str, database_url: str
) -> None:
    assert schema_of(make_conninfo(database_url, options=options)) == "ledger"


def test_the_registry_is_not_made_before_it_is_needed(database_url: str, rows: Rows, run: Run) -> None:
    assert run("ledgers") == 0
    assert rows("select to_regnamespace('seatledger') is null") == [(True,)]
    with pytest.raises(RegistryError, match="there is no ledger 'ai'; the ledgers are: main"):
        registry.find_entry(registry.ONLY_MAIN, "ai")


def test_a_command_on_all_ledgers_has_the_worst_exit_code(
    other: LedgerEntry,
    run: Run,
    rows: Rows,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert run("verify", "--all", "--json") == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["ledger"], one["ok"]) for one in reports] == [("main", True), ("ai", True)]
    for command in (("self-audit", "--all"), ("rebuild", "--all"), ("export", "bookings", "--all")):
        assert run(*command) == 0
        assert "ledger ai:" in capsys.readouterr().err
    assert {path.name for path in tmp_path.glob("*.parquet")} == {
        "bookings-0.parquet",
        "ai-bookings-0.parquet",
    }
    assert run("export", "bookings", "--all", "--out", "one.parquet") == 2
    rows("set session_replication_role = replica; delete from ledger_ai.head")
    rows("drop index ledger_ai.waiting_once")
    assert run("verify", "--all") == 1
    assert run("verify") == 0


def test_each_ledger_signs_its_checkpoints_with_a_key_of_its_own(
    other: LedgerEntry, run: Run, rows: Rows, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    keys = set()
    for name in ("main", "ai"):
        capsys.readouterr()
        assert run("public-key", "--ledger", name) == (0 if name == "ai" else 2)
        keys.add(capsys.readouterr().out)
    assert len(keys) == 2
    assert (tmp_path / "checkpoint-key-ai.pem").exists()


def test_checkpoints_of_another_ledger_go_elsewhere() -> None:
    settings = Settings(checkpoints="/logs/checkpoints.jsonl", checkpoint_key=Path("/keys/key.pem"))
    own = settings.of_ledger("ai")
    assert (own.ledger, own.checkpoints) == ("ai", "/logs/checkpoints-ai.jsonl")
    assert own.checkpoint_key == Path("/keys/key-ai.pem")
    assert settings.of_ledger("main") == settings
    for url, named in (
        ("https://w.test/c", "https://w.test/c?ledger=ai"),
        ("https://w.test/c?a=1", "https://w.test/c?a=1&ledger=ai"),
    ):
        assert Settings(checkpoints=url).of_ledger("ai").checkpoints == named


async def test_the_program_may_read_a_registry_that_began_with_the_carriers_of_main(
    run: Run, database_url: str
) -> None:
    assert run("ledgers", "carriers", "main", "--carriers", "BA") == 0
    async with await connect(database_url, "test") as connection:
        assert await registry.read(connection) == (LedgerEntry("main", 0, ("BA",)),)
