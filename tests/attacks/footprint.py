"""What the program holds while it is attacked: memory and open files of all its Python processes."""

import os
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def processes(root: int) -> list[int]:
    """The process and all below it but PostgreSQL's."""
    found = []
    children = Path(f"/proc/{root}/task/{root}/children")
    try:
        name = Path(f"/proc/{root}/comm").read_text()
        below = children.read_text().split()
    except OSError:
        return []
    if not name.startswith("postgres"):
        found = [root, *(process for child in below for process in processes(int(child)))]
    return found


def memory_bytes(root: int) -> int:
    """Resident memory that is not shared with a file."""
    total = 0
    for process in processes(root):
        _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
        total += (resident - shared) * PAGE_BYTES
    return total


def open_files(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes(root))
