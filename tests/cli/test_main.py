"""The table of commands, and the line and the exit code of a command that fails."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import cli.tokens
from audit.proofs.witnesses import LogDiverged
from audit.verify import WorkerDied
from cli.main import COMMANDS, main
from database.embedded import EmbeddedDatabaseFailed
from database.schema import SchemaMismatch
from runtime.settings import WrongSetting

ROOT = Path(__file__).resolve().parents[2]
TOKEN = ["token", "--sub", "alice", "--role", "client"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_module_of_a_command_knows_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main([name, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: seatledger {name} ")


@pytest.mark.parametrize("command", ["ledgers", "webhooks", "export", "feed nats", "what-if"])
def test_examples_in_the_help_of_a_command_keep_their_lines(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = command.split()
    module = importlib.import_module(COMMANDS[first])
    with pytest.raises(SystemExit, match=r"^0$"):
        main([first, *rest, "--help"])
    assert vars(module)["_ABOUT"].strip() in capsys.readouterr().out


def test_the_table_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--help"])
    _, _, listed = capsys.readouterr().out.partition("\ncommands:\n")
    assert re.findall("^ {4}([a-z-]+)", listed.partition("\nexamples:")[0], re.MULTILINE) == list(COMMANDS)


def test_a_wrong_command_is_answered_with_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["tokens"])
    complaint = capsys.readouterr().err
    assert all(f"'{name}'" in complaint for name in COMMANDS)


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        (TOKEN, {"psycopg", "loguru", "asyncio", "aiohttp", "rich", "arro3"}),
        (["check-proof", "--help"], {"psycopg", "ledger", "loguru", "asyncio"}),
        (["verify", "--help"], {"aiohttp", "rich", "jwt", "arro3"}),
        (["scheduler", "--help"], {"litestar", "aiohttp", "rich", "jwt", "arro3"}),
        (["up", "--help"], {"litestar", "rocketry", "aiohttp", "rich", "jwt", "arro3"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_imports_nothing_that_only_others_need(
    command: list[str], unneeded: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATLEDGER_JWT_SECRET", "k" * 32)
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cli.main", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rpartition("|")[2].strip() for line in run.stderr.splitlines()]
    imported = {line.partition(".")[0] for line in lines}
    assert "runtime" in imported
    assert imported & (unneeded | {"litestar", "granian", "duckdb", "pytest"}) == set()


@pytest.mark.parametrize("program", ["api.main", "scheduler.main"])
def test_a_program_imports_no_http_client_before_it_sends_a_request(program: str) -> None:
    imported = f"import sys, {program}; print(sys.modules.keys() & {{'aiohttp', 'httpx', 'stripe'}})"
    run = subprocess.run(
        [sys.executable, "-c", imported], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (WrongSetting("it is wrong"), 2, "it is wrong"),
        (SchemaMismatch("it is old"), 1, "it is old"),
        (EmbeddedDatabaseFailed("it is gone"), 1, "it is gone"),
        (LogDiverged("it is another"), 1, "it is another"),
        (WorkerDied("it is cut short"), 3, "it is cut short"),
        (OSError(2, "No such file", "x"), 1, "[Errno 2] No such file: 'x'"),
        (psycopg.OperationalError("it is\n  away"), 1, "the database: it is away"),
    ],
)
def test_a_failed_command_prints_one_line(
    error: Exception,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(cli.tokens, "token", fail)
    assert main(TOKEN) == code
    assert capsys.readouterr() == ("", f"seatledger: {line}\n")


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise LookupError

    monkeypatch.setattr(cli.tokens, "token", fail)
    with pytest.raises(LookupError):
        main(TOKEN)
