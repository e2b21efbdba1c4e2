"""Starting PostgreSQL's programs under an account other than root, so that they end with the keeper."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PR_SET_PDEATHSIG = 1  # prctl(2)
PROGRAM_SECONDS_MAX = 120

# PG… variables would change what the programs do, and other variables may hold secrets.
PASSED_ON = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class ServerAccount:
    """Ids of the user and the group that root runs the server as."""

    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Return whether the modes of the folder and its parents let the account in."""
        return all(self._has(step, 0o1) for step in [folder, *folder.parents])

    def may_run(self, file: Path) -> bool:
        return self._has(file, 0o5)

    def may_write(self, folder: Path) -> bool:
        """Return whether the mode of the folder lets the account create files in it."""
        return self._has(folder, 0o3)

    def _has(self, path: Path, bits: int) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return (found.st_mode >> shift) & bits == bits


def clean_environment() -> dict[str, str]:
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def run_program(
    command: Sequence[str | Path], account: ServerAccount | None, log: BinaryIO, text: str = ""
) -> None:
    """Run a program to its end with `text` as input. Raises CalledProcessError, TimeoutExpired."""
    process = start_program(command, account, log)
    process.communicate(text.encode(), timeout=PROGRAM_SECONDS_MAX)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [str(part) for part in command])


def start_program(
    command: Sequence[str | Path], account: ServerAccount | None, log: BinaryIO
) -> subprocess.Popen[bytes]:
    """Start a program that gets SIGINT when the calling thread ends, even by a kill."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd="/",
        env=clean_environment(),
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_end_with(os.getpid()),
    )


def _end_with(parent: int) -> Callable[[], None] | None:
    """Return a hook that makes the kernel signal the program at the end of its parent. Linux only.

    On other systems a killed keeper leaves the server running, and the next keeper ends it.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def request_signal() -> None:
        # Called after the change of account, which would clear the setting.
        prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the system call
            os._exit(1)

    return request_signal


def write_line(log: BinaryIO, line: str) -> None:
    with suppress(OSError):
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} keeper: {line}\n".encode())
