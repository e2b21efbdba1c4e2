"""Generated secrets in files of the data folder, readable by their owner only."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from runtime.data_folder import missing


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Return the text of the file. If it is missing, create it with `make`, complete in one step."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    _write_private(draft, make())
    try:
        # A link fails if the name exists: of two programs that start at once, one secret wins.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def read_existing(path: Path, what: str, variable: str) -> str:
    """Return the text of the file. Raises WrongSetting if it is missing; see `runtime.data_folder`."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        raise missing(what, path, variable) from None


def replace_secret(path: Path, text: str) -> None:
    """Write the file in one step: after a crash it has the old text or the new one, on disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    _write_private(draft, text)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
