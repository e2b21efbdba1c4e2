"""CPU time and memory of an idle program: `up` on an empty ledger, without requests.

Includes all processes of the program and the keeper of the embedded server, but not PostgreSQL. Memory is the
proportional set size, which counts shared pages once.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from trials.bench import servers
from trials.bench.footprint import describe, proportional_memory_bytes, seconds_of, with_word
from trials.bench.ledgers import fresh_folder
from trials.bench.part import Option, Part
from trials.bench.tables import ResultTable, case_table, middle

WORKERS = (2, 1)
"""Number of API workers: the default, and the minimum."""


class Idle(msgspec.Struct, frozen=True):
    """Idle cost. `cpu_percent` is a share of one core; `processes` has the memory of each in MB."""

    cpu_percent: float
    memory_mb: float
    processes: dict[str, float]


def measure(options: Namespace) -> dict[str, Any]:
    with fresh_folder() as data:
        rounds = []
        for number in range(options.rounds):
            print(f"idle: round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append({str(n): _idle(data, n, options.settle, options.seconds) for n in WORKERS})
        return {"rounds": rounds, "checks": [servers.verified(data)]}


def _idle(data: Path, workers: int, settle: float, seconds: float) -> Idle:
    up = ("cli.main", "up", "--data", str(data), "--workers", str(workers))
    with servers.running(*up, log=data / "up.log"):
        time.sleep(settle)
        processes = with_word(str(data))
        before, began = seconds_of(processes), time.monotonic()
        time.sleep(seconds)
        busy = (seconds_of(processes) - before) / (time.monotonic() - began)
        memory = {describe(process): proportional_memory_bytes(process) / 1e6 for process in processes}
        return Idle(busy * 100, sum(memory.values()), memory)


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    rounds = [{f"up --workers {n}": idle for n, idle in one.items()} for one in raw["rounds"]]
    columns = {
        "% of a core": middle("cpu_percent", ".2f"),
        "memory MB": middle("memory_mb", ".2f"),
        "processes": lambda idle: str(len(idle[0]["processes"])),
    }
    return [case_table("Idle", rounds, columns)]


PART = Part(
    "idle",
    __doc__,
    {
        "seconds": Option("seconds of each measurement", 60, smoke=1),
        "settle": Option("seconds between the start and the measurement", 15, smoke=0),
        "rounds": Option("number of rounds", 2, smoke=1),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
