"""Processes of these trials, found by their parents and never by name."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def children(parent: int) -> list[int]:
    """Return the living children of a process, oldest first."""
    found = []
    for task in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, ppid = task.read_text().rpartition(") ")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append(int(task.parent.name))
    return sorted(found)


def command_line(process: int) -> list[str]:
    """Return the command line; empty when the process has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def parent(process: int) -> int | None:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1])
    except OSError:
        return None


def send(number: int, processes: Iterable[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def wait_for_end(processes: Iterable[int], seconds_max: float = 5.0) -> None:
    """Wait until none of them runs; zombies count as ended."""
    deadline = time.monotonic() + seconds_max
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def kill_tree(root: int) -> None:
    """Kill a process with its descendants. It is stopped first, so that it starts no others meanwhile."""
    send(signal.SIGSTOP, [root])
    for child in children(root):
        kill_tree(child)
    send(signal.SIGKILL, [root])
