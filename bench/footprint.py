"""What the program holds while it is loaded or attacked: memory and open files of its Python processes."""

import os
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def children(process: int) -> list[int]:
    """Those that live now; none when the process has gone."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def processes(root: int) -> list[int]:
    """The process and all below it but PostgreSQL's."""
    try:
        name = Path(f"/proc/{root}/comm").read_text()
    except OSError:
        return []
    if name.startswith("postgres"):
        return []
    return [root, *(process for child in children(root) for process in processes(child))]


def memory_bytes(root: int) -> int:
    """Of the process and all below it."""
    return sum(own_memory_bytes(process) for process in processes(root))


def own_memory_bytes(process: int) -> int:
    """Resident memory that is not shared with a file."""
    _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    return (resident - shared) * PAGE_BYTES


def open_files(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes(root))
