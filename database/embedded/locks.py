"""File locks of the users and of the keeper; the kernel releases those of a killed process."""

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.02


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock file. Never unlink it: a lock on an unlinked file protects nothing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def lock_within(descriptor: int, kind: int, seconds: float) -> bool:
    """Take `fcntl.LOCK_SH` or `LOCK_EX`, and return whether that succeeded in time."""
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
    """Return whether the file is locked exclusively. The check locks it shared for an instant."""
    descriptor = open_lock(path)
    try:
        return not lock_within(descriptor, fcntl.LOCK_SH, 0)
    finally:
        os.close(descriptor)
