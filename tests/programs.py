"""Programs of the machine that a few tests need: a browser, a shell with curl, wrk. They are optional.

All other tests need Python alone. `.ci/run` proves it: on the tests' PATH there is only Python, and
SEATLEDGER_TEST_PATH names the folders in which this module looks.
"""

import os
import shutil

import pytest


def program_path() -> str:
    """Return the PATH of the optional programs."""
    return os.environ.get("SEATLEDGER_TEST_PATH") or os.environ.get("PATH", "")


def find_program(*names: str) -> str | None:
    """Return the path of the first of these programs that this machine has."""
    return next((found for name in names if (found := shutil.which(name, path=program_path()))), None)


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test on a machine without one of these programs."""
    missing = [name for name in names if not find_program(name)]
    return pytest.mark.skipif(bool(missing), reason=f"not on PATH: {', '.join(missing)}")


def processes_with(text: str) -> list[int]:
    """Return the ids of the processes whose command line contains the text. Linux only."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                command = file.read()
        except OSError:  # it ended meanwhile
            continue
        if text.encode() in command and int(process) != os.getpid():
            found.append(int(process))
    return found
