"""Memory, open files and CPU time of the program's processes, read from /proc."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def children(process: int) -> list[int]:
    """Return the living child processes; none if the process has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def processes(root: int, with_postgres: bool = False) -> list[int]:
    """Return the process and its descendants, PostgreSQL's only on demand."""
    try:
        name = Path(f"/proc/{root}/comm").read_text()
    except OSError:
        return []
    if name.startswith("postgres") and not with_postgres:
        return []
    return [root, *(below for child in children(root) for below in processes(child, with_postgres))]


def cpu_seconds(word: str) -> float:
    """Return the CPU time of all processes with `word` in their command lines, and of their descendants."""
    return seconds_of(with_word(word, with_postgres=True))


def seconds_of(found: Iterable[int]) -> float:
    """Return the CPU time of these processes so far."""
    ticks = 0
    for process in found:
        with suppress(OSError):
            user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def with_reaped_seconds_of(found: Iterable[int]) -> float:
    """Return the CPU time of these processes so far, and of their children that have ended."""
    ticks = 0
    for process in found:
        with suppress(OSError):
            ticks += sum(
                map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15])
            )
    return ticks / os.sysconf("SC_CLK_TCK")


def with_word(word: str, with_postgres: bool = False) -> list[int]:
    """Return the processes with `word` in their command lines, and their descendants."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes():
                found.update(processes(int(folder.name), with_postgres))
    return sorted(found)


def describe(process: int) -> str:
    """Return the start of the command line, and the process id."""
    command = Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    return f"{command[:100]} ({process})"


def memory_bytes(root: int) -> int:
    """Return the memory of the process and its descendants."""
    return sum(own_memory_bytes(process) for process in processes(root))


def own_memory_bytes(process: int) -> int:
    """Return the resident memory that is not backed by a file."""
    _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    return (resident - shared) * PAGE_BYTES


def proportional_memory_bytes(process: int) -> int:
    """Return the proportional set size: a page shared by n processes counts 1/n."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    (kib,) = (int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib * 1024


def open_files(root: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes(root))
