"""Who uses the embedded server and who keeps it: two locks, which no killed process leaves locked."""

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.02


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock file. Never unlink it: a lock on an unlinked file means nothing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def lock_within(descriptor: int, kind: int, seconds: float) -> bool:
    """Take `fcntl.LOCK_SH` or `LOCK_EX`, and say whether that was possible in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True


def is_locked(path: Path) -> bool:
    """Whether somebody holds the file exclusively. Asking holds it shared for an instant."""
    descriptor = open_lock(path)
    try:
        return not lock_within(descriptor, fcntl.LOCK_SH, 0)
    finally:
        os.close(descriptor)
