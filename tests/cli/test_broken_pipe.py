"""A reader that closes the pipe early causes no error message."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.main import main

TOKEN = ["token", "--sub", "alice", "--role", "client"]
SECRET = "swordfish-swordfish-swordfish-swordfish"


@pytest.mark.parametrize(("arguments", "unbuffered"), [(["--help"], ""), (TOKEN, ""), (TOKEN, "1")])
def test_a_closed_stdout_ends_the_program_silently(
    checkout: Path, arguments: list[str], unbuffered: str
) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=checkout,
            env={**os.environ, "SEATLEDGER_JWT_SECRET": SECRET, "PYTHONUNBUFFERED": unbuffered},
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(theirs)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_another_broken_pipe_is_reported(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("cli.tokens.sign_token", breaks)
    monkeypatch.setenv("SEATLEDGER_JWT_SECRET", SECRET)
    assert main(TOKEN) == 1
    assert capfd.readouterr() == ("", "seatledger: [Errno 32] Broken pipe\n")
