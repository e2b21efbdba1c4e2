"""Folders for the databases of tests: in memory, if the machine has enough."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from database.embedded import running_database

MEMORY = Path("/dev/shm")
FREE_BYTES_MIN = 8 << 30


def make_database_folder(prefix: str) -> Path:
    """Create a folder that all accounts may enter: as root, the server runs as another user.

    A new database is 300 files, which PostgreSQL writes to a disk one by one. In memory that takes a tenth
    of the processor time, and a start of the program a second less. The durability settings stay as they are.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= FREE_BYTES_MIN
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if has_room else None))
    folder.chmod(0o755)
    return folder


def copy_new_database(data: Path) -> None:
    """Fill the data folder as the first start of the program does, without running initdb."""
    new = _new_database()
    shutil.copytree(new, data)
    for path in [new, *new.rglob("*")]:
        owner = path.stat()
        os.chown(data / path.relative_to(new), owner.st_uid, owner.st_gid)


@cache
def _new_database() -> Path:
    folder = make_database_folder("seatledger-tests-new-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with running_database(None, folder):
        return folder
