"""Child processes: other parts of the program, with its settings. They end with their parent."""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from runtime.environment import CHILD

ROOT = Path(__file__).resolve().parents[1]

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class DidNotStart(OSError):
    """A part of the program ended, or did not answer, during its start."""


def command(*arguments: str) -> list[str]:
    """Return the command line of `seatledger ARGUMENTS` with this Python."""
    return [sys.executable, "-m", "cli.main", *arguments]


def importable(environment: dict[str, str]) -> dict[str, str]:
    """Extend the environment so that `command` finds this project from any folder."""
    path = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    return {**environment, "PYTHONPATH": path, CHILD: "1"}


class Child:
    """`seatledger ARGUMENTS` in a process of its own."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: dict[str, str],
        stdout: int | IO[bytes] | None = None,
    ) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command(*arguments),
            env=importable(environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            preexec_fn=_die_with_parent,  # one system call: safe between fork and exec
        )

    @property
    def ended(self) -> int | None:
        """Exit code, None while the process runs."""
        return self._process.poll()

    def wait_until_ready(self, seconds: float) -> str:
        """Return the URL of the line `ready URL`. Raises DidNotStart."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        for line in self._process.stdout:
            word, _, url = line.decode().strip().partition(" ")
            if word == "ready":
                return url
            if time.monotonic() > deadline:
                break
        raise DidNotStart(f"`seatledger {self.name}` did not start")

    def is_ready(self) -> bool:
        """Return whether the process has printed something to its standard output, which is a pipe."""
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], 0)
        return bool(readable) and self._process.stdout.read1(1) != b""  # type: ignore[attr-defined]

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop(self, number: int, seconds: float) -> int:
        """Send the signal, kill the process after `seconds`, and return its exit code."""
        self.signal(number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _die_with_parent() -> None:
    if _libc is not None:
        # Killed at once, because the next start needs the port.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
