"""The PostgreSQL processes of a cluster: an earlier server that must end first, and clients."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

END_SECONDS_MAX = 90
ORPHAN_SECONDS_MAX = 2


class StillRunning(Exception):
    """An earlier server of this cluster has not ended."""


def ensure_startable(folder: Path) -> None:
    """Wait for an earlier server, and remove its stale lock file. Raises StillRunning.

    The files of a living server are never touched.
    """
    wait_for_end_of(folder)
    clear_stale_lock_file(folder)


def has_clients(folder: Path) -> bool:
    """Return whether a client is connected. Works on Linux only, by the titles of the server's processes."""
    return any(_title(process).startswith("postgres: seatledger ") for process in server_processes(folder))


def wait_for_end_of(folder: Path) -> None:
    """Wait until the processes of an earlier server, left by a kill, have ended. Raises StillRunning."""
    started = time.monotonic()
    while alive := server_processes(folder):
        waited = time.monotonic() - started
        if postmaster_id(folder) not in alive and waited > ORPHAN_SECONDS_MAX:
            # Their postmaster is dead, so they can commit nothing more.
            send(signal.SIGQUIT, alive)
        elif sys.platform != "linux":  # no signal tells the server that its keeper has ended
            send(signal.SIGINT, alive)
        if waited > END_SECONDS_MAX:
            raise StillRunning(f"an earlier server is still at work in {folder}: process {alive[0]}")
        time.sleep(0.05)


def send(number: int, processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def clear_stale_lock_file(folder: Path) -> None:
    """Remove a postmaster.pid that names a living process which is not a server of this cluster.

    A file that names a dead process stays: PostgreSQL replaces it after a check for shared memory in use.
    """
    named = postmaster_id(folder)
    if named is None:
        return
    with suppress(ProcessLookupError):
        with suppress(PermissionError):  # it is alive, under another account
            os.kill(named, 0)
        (folder / "postmaster.pid").unlink(missing_ok=True)


def server_processes(folder: Path) -> list[int]:
    """Return the ids of the living PostgreSQL processes of this cluster.

    The id in postmaster.pid alone is no proof: after a kill or a reboot it may belong to any process.
    """
    if not os.path.isdir("/proc/self"):
        found = postmaster_id(folder)
        return [found] if found and _is_server_by_its_command_line(found, folder) else []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _works_in(name, folder)]


def _works_in(process: str, folder: Path) -> bool:
    try:
        program = os.readlink(f"/proc/{process}/exe").removesuffix(" (deleted)")
        return os.path.basename(program) == "postgres" and os.readlink(f"/proc/{process}/cwd") == str(folder)
    except OSError:  # it ended meanwhile, or belongs to another account
        return False


def _is_server_by_its_command_line(process: int, folder: Path) -> bool:
    listed = subprocess.run(["ps", "-p", str(process), "-o", "command="], capture_output=True, text=True)  # noqa: S607
    return "postgres" in listed.stdout and str(folder) in listed.stdout


def postmaster_id(folder: Path) -> int | None:
    """Return the process id in the lock file of the cluster, or None."""
    try:
        # The id is negative in single-user mode.
        return abs(int((folder / "postmaster.pid").read_text().split()[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _title(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
