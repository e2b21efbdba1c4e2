"""A missing or foreign database gives an error that names the remedy."""

from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest

import cli.programs
from cli.main import main
from runtime.settings import Settings
from trials.programs.ports import free_port


def said(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["verify", "--data", str(folder)]) == 1
    return capsys.readouterr().err.strip()


def test_a_database_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(f"postgresql://x@127.0.0.1:{free_port()}/x", tmp_path, monkeypatch, capsys)
    assert told.startswith("seatledger: the database: ")
    assert len(told.splitlines()) == 1


def test_a_database_without_a_ledger_is_perhaps_the_wrong_one(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("drop schema ledger cascade")
    told = said(database_url, tmp_path, monkeypatch, capsys)
    assert all(word in told for word in ("--data", "DATABASE_URL", "seatledger migrate"))


@pytest.mark.parametrize(
    "command",
    [
        ["verify"],
        ["history", "019f0000-0000-7000-8000-000000000000"],
        ["self-audit"],
        ["export", "events"],
        ["rebuild", "--all"],
        ["db-url"],
        ["forget", "alice"],
        ["dictionary"],
        ["what-if"],
    ],
)
def test_reading_commands_create_no_ledger_in_a_mistyped_folder(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    mistyped = tmp_path / "dta"
    assert main([*command, "--data", str(mistyped)]) == 1
    assert "there is no database in" in capsys.readouterr().err
    assert not mistyped.exists()


@pytest.mark.parametrize(
    ("command", "secret"),
    [
        (["token", "--sub", "alice", "--role", "client"], "signing secret"),
        (["public-key"], "checkpoint key"),
        (["checkpoint"], "checkpoint key"),
        (["prove", "019f0000-0000-7000-8000-000000000000"], "checkpoint key"),
        (["rotate-master-key"], "master key"),
    ],
)
def test_reading_commands_make_no_secret_in_a_mistyped_folder(
    command: list[str],
    secret: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "SEATLEDGER_JWT_SECRET", "SEATLEDGER_MASTER_KEY"):
        monkeypatch.setenv(name, "")
    for folder in ([], ["--data", "."]):
        assert main([*command, *folder]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert f"there is no {secret} in" in printed.err
        assert "`seatledger up` makes one" in printed.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["self-audit"], ["rebuild", "--all"], ["forget", "alice"]])
def test_reading_commands_create_no_ledger_in_a_mistyped_database(
    command: list[str],
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert main([*command, "--data", str(tmp_path / "data")]) == 1
    assert "`seatledger migrate` creates a ledger in it" in capsys.readouterr().err
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select to_regnamespace('ledger')").fetchone() == (None,)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("message", "waits"),
    [
        ("Connection refused", True),
        ("FATAL:  the database system is starting up", True),
        ('FATAL:  database "x" does not exist', True),
        ('FATAL:  password authentication failed for user "x"', False),
        ('FATAL:  no pg_hba.conf entry for host "x"', False),
        ('FATAL:  role "x" does not exist', False),
    ],
)
def test_a_start_waits_for_a_database_but_not_for_a_login(
    monkeypatch: pytest.MonkeyPatch, message: str, waits: bool
) -> None:
    def fails(*_: object) -> None:
        raise psycopg.OperationalError(message)

    monkeypatch.setattr(cli.programs, "prepare", fails)
    settings = Settings(database_url="postgresql://x@db/x", master_key=bytes(32))
    expected = nullcontext() if waits else pytest.raises(psycopg.OperationalError)
    with expected, cli.programs.serving_database(settings) as url:
        assert url == settings.database_url


def test_a_malformed_url_stops_the_start_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://[oops")
    assert main(["scheduler", "--data", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
