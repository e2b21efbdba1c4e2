"""Settings reach the commands from the environment and from `.env`; a mistyped one is reported once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SECRET = "swordfish-swordfish-swordfish-swordfish"
Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def seatledger(checkout: Path, tmp_path: Path) -> Program:
    """Return a function that runs the program in an empty folder."""

    def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_a_mistyped_setting_is_reported_and_the_command_goes_on(seatledger: Program) -> None:
    done = seatledger(
        "token", "--sub", "alice", "--role", "client", SEATLEDGER_JWT_SECRET=SECRET, SEATLEDGER_PROT="80"
    )
    assert done.returncode == 0
    assert done.stdout.count(".") == 2, "a token and nothing else"
    assert done.stderr == (
        "seatledger: SEATLEDGER_PROT is no setting, and is ignored: did you mean SEATLEDGER_PORT?\n"
    )


def test_the_folder_of_postgresql_programs_may_be_in_the_file(seatledger: Program, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SEATLEDGER_POSTGRES_BIN=nowhere\n")
    done = seatledger("migrate")
    assert done.returncode == 1
    assert f"SEATLEDGER_POSTGRES_BIN='{tmp_path / 'nowhere'}'" in done.stderr


@pytest.mark.parametrize("command", ["up", "api", "demo"])
def test_a_port_that_does_not_exist_is_wrong_usage(command: str, seatledger: Program, tmp_path: Path) -> None:
    done = seatledger(command, "--port", "99999")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "seatledger: --port='99999': must be a whole number from 1 to 65535\n"
    assert list(tmp_path.iterdir()) == []
