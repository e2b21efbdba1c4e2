"""The data folder: made for its owner alone, and by no command that only reads."""

import os
from pathlib import Path

from runtime.settings import WrongSetting

OURS = ("postgres", "users.lock", "keeper.lock", "jwt-secret", "master-key", "checkpoint-key", "gateway.db")
"""Beginnings of the names that the program gives to files in the data folder."""


def missing(what: str, path: Path, variable: str) -> WrongSetting:
    """Return the error of a command that reads a secret which only the commands of a server make."""
    return WrongSetting(
        f"there is no {what} in {path.parent}: check the folder (--data, SEATLEDGER_DATA), or set {variable}."
        " `seatledger up` makes one"
    )


def tighten(folder: Path) -> str | None:
    """Close a data folder of an older release to other users; return a line about it, None if unchanged.

    A folder that holds anything else, or that another user owns, stays as it is.
    """
    try:
        found, names = folder.stat(), os.listdir(folder)
    except FileNotFoundError:
        return None
    if not names or found.st_uid != os.geteuid() or not all(name.startswith(OURS) for name in names):
        return None
    # As root, the server runs as another user, which must be able to pass.
    passes = os.geteuid() == 0 and (folder / "postgres" / "cluster").is_dir()
    mode = found.st_mode & (0o711 if passes else 0o700)
    if mode == found.st_mode & 0o777:
        return None
    folder.chmod(mode)
    return f"the data folder {folder} was open to other users; its mode is now {mode:o}"
