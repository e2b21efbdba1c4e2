"""Whoever pipes the output into something that reads only its beginning gets no complaint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOKEN = ["token", "--sub", "alice", "--role", "client"]


@pytest.mark.parametrize(("arguments", "unbuffered"), [(["--help"], ""), (TOKEN, ""), (TOKEN, "1")])
def test_output_that_nobody_reads_ends_the_program_without_a_word(
    checkout: Path, tmp_path: Path, arguments: list[str], unbuffered: str
) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=checkout,
            env={**os.environ, "SEATLEDGER_DATA": str(tmp_path), "PYTHONUNBUFFERED": unbuffered},
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(theirs)
    assert (ended.returncode, ended.stderr) == (141, b"")
