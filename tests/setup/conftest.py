"""Fixtures: small checkouts in which run.py finds a fake uv and a fake program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os, sys
print("program", sys.argv[1:], os.getcwd())
"""

# Where it was called from and how often is all that the tests ask of an installer.
UV = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
sleep "${UV_SECONDS:-0}"
exit "${UV_CODE:-0}"
"""


class Checkout:
    """Make a checkout with run.py, the locks and a program of two lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools = folder / "tools"
        for name in ("run.py", "requirements.lock", "requirements-dev.lock"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "cli").mkdir()
        (folder / "cli" / "main.py").write_text(PROGRAM)
        self.tools.mkdir()
        (self.tools / "uv").write_text(UV)
        (self.tools / "uv").chmod(0o755)

    @property
    def installs(self) -> int:
        calls = self.tools / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def start(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen:
        # Nothing of a developer's settings for pip or Python comes along, and no package index is asked.
        clean = {"PATH": f"{self.tools}:/usr/bin:/bin", "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
        return subprocess.Popen(
            [sys.executable, str(self.folder / "run.py"), *arguments],
            cwd=cwd or self.folder,
            env={**clean, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        with self.start(*arguments, **options) as process:
            output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a fresh checkout in a folder with a space in its name."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    return Checkout(folder)
