"""CPU time and memory of an idle program: `up` on an empty ledger, without requests.

Includes all processes of the program and the keeper of the embedded server, but not PostgreSQL. Memory is the
proportional set size, which counts shared pages once.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from trials.bench import servers
from trials.bench.footprint import describe, proportional_memory_bytes, seconds_of, with_word
from trials.bench.ledgers import fresh_folder
from trials.bench.report import conclude, part_parser, settings
from trials.bench.tables import ResultTable
from trials.bench.verify_check import verified

WORKERS = (2, 1)
"""Number of API workers: the default, and the minimum."""

SETTLE_SECONDS = 15
"""Delay between the start and the measurement."""


class Idle(msgspec.Struct, frozen=True):
    """Idle cost. `cpu_percent` is a share of one core."""

    cpu_percent: float
    memory_mb: float
    processes: dict[str, float]


def measure(data: Path, workers: int, settle: float, seconds: float) -> Idle:
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
    rows = []
    for workers in raw["rounds"][0]:
        found = [one[workers] for one in raw["rounds"]]
        cpu, memory = (f"{median(one[name] for one in found):.2f}" for name in ("cpu_percent", "memory_mb"))
        rows.append([f"up --workers {workers}", cpu, memory, str(len(found[0]["processes"]))])
    return [ResultTable("Idle", ("", "% of a core", "memory MB", "processes"), rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the ledger verifies afterwards."""
    parser = part_parser("idle", __doc__)
    parser.add_argument(
        "--seconds", type=int, default=60, metavar="S", help="duration of the measurement (60)"
    )
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="number of rounds (2)")
    options = parser.parse_args(arguments)
    settle = SETTLE_SECONDS
    if options.smoke:
        options.seconds, options.rounds, settle = 1, 1, 0
    chosen = settings(vars(options))
    with fresh_folder() as data:
        rounds = []
        for number in range(options.rounds):
            print(f"idle: round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append({str(n): measure(data, n, settle, options.seconds) for n in WORKERS})
        checks = [verified(data)]
    return conclude({"settings": chosen, "rounds": rounds, "checks": checks}, tables, options.out)


if __name__ == "__main__":
    sys.exit(main())
