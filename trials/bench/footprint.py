"""What the program takes while it is loaded or attacked: memory, open files and CPU time of its processes."""

import os
from collections.abc import Iterable
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
    return seconds_of(_told_of(word))


def seconds_of(found: Iterable[int]) -> float:
    """CPU time that these processes have taken so far."""
    ticks = 0
    for process in found:
        with suppress(OSError):
            user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def with_word(word: str) -> list[int]:
    """Processes with `word` in their command lines, and those below them, but for PostgreSQL's."""
    return sorted({below for process in _told_of(word) for below in processes(process)})


def _told_of(word: str) -> set[int]:
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes():
                found.update(_all_below(int(folder.name)))
    return found


def words(process: int) -> str:
    """The first few of its command line."""
    shown = Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    return f"{shown[:100]} ({process})"


def _all_below(process: int) -> list[int]:
    return [process, *(below for child in children(process) for below in _all_below(child))]


def memory_bytes(root: int) -> int:
    """Of the process and all below it."""
    return sum(own_memory_bytes(process) for process in processes(root))


def own_memory_bytes(process: int) -> int:
    """Resident memory that is not shared with a file."""
    _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    return (resident - shared) * PAGE_BYTES


def proportional_memory_bytes(process: int) -> int:
    """Resident memory, a page that n processes share as the n-th part of one."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    (kib,) = (int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib * 1024


def open_files(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes(root))
