"""Temporary folder for what the workers count together, with removal of folders left by killed programs."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

if os.name == "posix":
    import fcntl

PREFIX = "seatledger-counts-"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder for the workers, and for prometheus_client when it is imported."""


@contextmanager
def metrics_folder() -> Iterator[Path]:
    """Create a folder that stays locked while this process or a worker lives."""
    _remove_abandoned()
    # Lock the folder before it gets the name that `_remove_abandoned` searches for.
    draft = Path(tempfile.mkdtemp(prefix="seatledger-new-"))
    lock = _lock(draft)
    folder = draft.rename(draft.with_name(PREFIX + draft.name.removeprefix("seatledger-new-")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


class ProcessName:
    """Name of the current process for its files in the folder, and for those of the next one after its death.

    A process has the lowest number that no living process has: a lock on a byte of a file, which the kernel
    releases. So a worker that is started again continues the counts of a dead one, and files do not add up.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / "processes", os.O_RDWR | os.O_CREAT, 0o600)
        self._pid = 0
        self._name = ""

    def __call__(self) -> str:
        if self._pid != os.getpid():  # first call, or the process was forked
            self._name, self._pid = self._take(), os.getpid()
        return self._name

    def _take(self) -> str:
        for number in count() if os.name == "posix" else ():
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except (BlockingIOError, PermissionError):
                continue
            except OSError:  # a file system without locks
                break
            return f"process{number}"
        return f"pid{os.getpid()}"


def workers_folder() -> Path | None:
    """Return the folder of this worker's server, or None outside a server."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a descriptor that locks the folder, or None if it is locked or belongs to another user."""
    if os.name != "posix":
        return None
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                raise PermissionError
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
    return None
