"""A folder for the workers' measurements, and an end to those that killed programs left."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if os.name == "posix":
    import fcntl

PREFIX = "seatledger-counts-"


@contextmanager
def metrics_folder() -> Iterator[Path]:
    """A new one among the temporary files, held by a lock as long as this process or a worker lives."""
    _remove_abandoned()
    # Locked before it has the name that others look for.
    draft = Path(tempfile.mkdtemp(prefix="seatledger-new-"))
    lock = _locked(draft)
    folder = draft.rename(draft.with_name(PREFIX + draft.name.removeprefix("seatledger-new-")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = _locked(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A lock on our own folder that nobody else holds, or None."""
    if os.name != "posix":
        return None
    with suppress(OSError):
        found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(found).st_uid != os.geteuid():
                raise PermissionError
            fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(found)
            raise
        return found
    return None
