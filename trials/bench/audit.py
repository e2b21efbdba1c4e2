"""Rates of `verify` and `rebuild --all`.

Fills a fresh ledger through the writer (`trials.bench.load`), then runs the commands round by round, next to
two references: a COPY of the log, and the bare hash chain over lines in memory.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psycopg
from loguru import logger

from ledger.chain import GENESIS, hash_after
from trials.bench.footprint import memory_bytes
from trials.bench.ledgers import fresh_ledger, seal_names
from trials.bench.load import load
from trials.bench.process import run
from trials.bench.report import BenchCheck, conclude, part_parser, settings
from trials.bench.servers import clean_environment
from trials.bench.tables import ResultTable, spread
from trials.programs.program import ROOT

LINES = 100_000
POLL_SECONDS = 0.05
REFERENCE = "COPY of the log"


class Run(msgspec.Struct, frozen=True):
    """One run of a case. CPU seconds and memory cover its Python processes, not PostgreSQL."""

    events: int
    seconds: float
    cpu_seconds: float = 0.0
    memory_bytes: int = 0


def copy_log(url: str, events: int) -> Run:
    """Time a COPY of the log: the minimum for any reader."""
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(
            "copy (select * from ledger.events order by position) to stdout"
        ) as rows:
            for _ in rows:
                pass
        return Run(events, time.perf_counter() - began)


def chain(url: str) -> Run:
    """Time the hash chain over lines in memory: the minimum for any checker in one process."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select concat_ws(E'\n', e.*)::bytea from ledger.events as e where position <= %s", (LINES,)
        ).fetchall()
    began, hash = time.perf_counter(), GENESIS
    for (lines,) in rows:
        hash = hash_after(hash, lines)
    return Run(len(rows), time.perf_counter() - began)


def command(url: str, data: Path | None, events: int, *arguments: str) -> Run:
    """Time a command, including its start. Raises RuntimeError if it fails."""
    began = time.perf_counter()
    folder = {} if data is None else {"SEATLEDGER_DATA": str(data)}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=clean_environment() | folder | {"DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    memory = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        with suppress(OSError):
            memory = max(memory, memory_bytes(process.pid))
        time.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return Run(events, seconds, ended[2].ru_utime + ended[2].ru_stime, memory)


def cases(url: str, data: Path | None, events: int) -> dict[str, Callable[[], Run]]:
    return {
        REFERENCE: lambda: copy_log(url, events),
        "chain in memory": lambda: chain(url),
        "verify": lambda: command(url, data, events, "cli.main", "verify", "--json"),
        "verify, one process": lambda: command(url, data, events, "audit.verify"),
        "rebuild --all": lambda: command(url, data, events, "cli.main", "rebuild", "--all", "--json"),
    }


@contextmanager
def filled(url: str | None, events: int) -> Iterator[tuple[str, Path | None, int]]:
    """Open a ledger: the existing one at `url`, or a temporary one with `events` events."""
    if url is not None:
        with psycopg.connect(url) as connection:
            row = connection.execute("select max(position) from ledger.events").fetchone()
        yield url, None, row[0] if row else 0
        return
    with fresh_ledger() as fresh:
        found = run(load(fresh.url, events, seal_names(fresh)))
        with psycopg.connect(fresh.url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield fresh.url, fresh.data, found


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    def each(runs: Sequence[Mapping[str, Any]]) -> list[float]:
        return [one["seconds"] / one["events"] for one in runs]

    rows, rounds = [], raw["rounds"]
    copies = each([one["runs"][REFERENCE] for one in rounds])
    for case in rounds[0]["runs"]:
        runs = [one["runs"][case] for one in rounds]
        ratio = median(copy / own for copy, own in zip(copies, each(runs), strict=True))
        cpu = median(run["cpu_seconds"] / run["events"] * 1e6 for run in runs)
        memory = max(run["memory_bytes"] for run in runs) / 1e6
        paces = spread([1 / own for own in each(runs)])
        rows.append(
            [case, *paces, f"{ratio:.0%}", f"{cpu:.1f}" if cpu else "", f"{memory:.0f}" if cpu else ""]
        )
    title = f"A ledger of {raw['settings']['events']:,} events, {len(rounds)} rounds"
    headings = ("", "events/s", "lowest-highest", "of COPY", "CPU µs/event", "memory MB")
    return [ResultTable(title, headings, rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the ledger verified each time."""
    parser = part_parser("audit", __doc__)
    parser.add_argument(
        "--events", type=int, default=1_000_000, metavar="N", help="events in the ledger (1000000)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="number of rounds (3)")
    parser.add_argument("--url", help="connection string of a filled ledger to use instead of a fresh one")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.events, options.rounds = 2_000, 1
    logger.remove()
    chosen = settings(vars(options))
    with filled(options.url, options.events) as (url, data, options.events):
        rounds = []
        for number in range(options.rounds):
            print(f"audit: round {number + 1} of {options.rounds}", file=sys.stderr)
            runs = {case: measured() for case, measured in cases(url, data, options.events).items()}
            rounds.append({"load": os.getloadavg()[0], "runs": runs})
    # A failed verify ends the benchmark with an error.
    checks = [BenchCheck("verify, every time", True, f"{options.events:,} events")]
    return conclude(
        {"settings": chosen | {"events": options.events}, "rounds": rounds, "checks": checks},
        tables,
        options.out,
    )


if __name__ == "__main__":
    sys.exit(main())
