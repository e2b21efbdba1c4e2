"""Fixtures: small checkouts in which run.py finds a fake uv and a fake program."""

import os
import shlex
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

PROGRAMS_ON_PATH = """
import os, sys
programs = {name for folder in os.environ["PATH"].split(os.pathsep) for name in os.listdir(folder)}
print(sys.argv[1:], sorted(programs), os.environ["SEATLEDGER_TEST_PATH"])
sys.exit(3)
"""

# Where it was called from and how often is all that the tests ask of an installer.
UV = """
import os, pathlib, sys, time
with pathlib.Path(__file__).with_name("calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
time.sleep(float(os.environ.get("UV_SECONDS", "0")))
sys.exit(int(os.environ.get("UV_CODE", "0")))
"""
# A shebang line with spaces in the path of Python would not work.
UV_START = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -IS "$0.py" "$@"
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
        (self.tools / "uv.py").write_text(UV)
        (self.tools / "uv").write_text(UV_START)
        (self.tools / "uv").chmod(0o755)

    @property
    def installs(self) -> int:
        calls = self.tools / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def start(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen:
        # Nothing of a developer's settings for pip or Python comes along, and no package index is asked.
        clean = {"PATH": str(self.tools), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
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
def ci_run(tmp_path: Path) -> Path:
    """Return a copy of `.ci/run` in a checkout whose run.py prints the programs on PATH."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "run.py").write_text(PROGRAMS_ON_PATH)
    return Path(shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a fresh checkout in a folder with a space in its name."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    return Checkout(folder)
