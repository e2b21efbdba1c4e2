"""What the program takes while it is loaded or attacked: memory, open files and CPU time of its processes."""

import os
from contextlib import suppress
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


def cpu_seconds(word: str) -> float:
    """Taken so far by all processes with `word` in their command lines, and by those below them."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes():
                found.update(_all_below(int(folder.name)))
    ticks = 0
    for process in found:
        with suppress(OSError):
            user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def _all_below(process: int) -> list[int]:
    return [process, *(below for child in children(process) for below in _all_below(child))]


def memory_bytes(root: int) -> int:
    """Of the process and all below it."""
    return sum(own_memory_bytes(process) for process in processes(root))


def own_memory_bytes(process: int) -> int:
    """Resident memory that is not shared with a file."""
    _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    return (resident - shared) * PAGE_BYTES


def open_files(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes(root))
