"""Rates of `verify` and `rebuild --all`.

Fills a fresh ledger through the writer (`trials.bench.load`), then runs the commands round by round, next to
two references: a COPY of the log, and the bare hash chain over lines in memory.
"""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
import psycopg

from ledger.chain import GENESIS, hash_after
from trials.bench.footprint import memory_bytes
from trials.bench.fresh import BenchLedger, fresh_ledger
from trials.bench.load import load
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.report import BenchCheck
from trials.bench.servers import clean_environment
from trials.bench.tables import ResultTable, case_table, ends, middle
from trials.programs.program import PROGRAM, ROOT

LINES = 100_000
POLL_SECONDS = 0.05
REFERENCE = "COPY of the log"


class Run(msgspec.Struct, frozen=True):
    """One run of a case. CPU time and memory cover its Python processes, not PostgreSQL."""

    events_per_second: float
    cpu_us: float | None = None
    memory_mb: float | None = None


def measure(options: Namespace) -> dict[str, Any]:
    with fresh_ledger() as ledger:
        events = run(load(ledger, options.events))
        with psycopg.connect(ledger.url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        rounds = []
        for number in range(options.rounds):
            print(f"audit: round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append(_round(ledger, events))
    # A failed verify ends the benchmark with an error.
    checks = [BenchCheck("verify, every time", True, f"{events:,} events")]
    return {"settings": {"events": events}, "rounds": rounds, "checks": checks}


def _round(ledger: BenchLedger, events: int) -> dict[str, Run]:
    return {
        REFERENCE: copy_log(ledger.url, events),
        "chain in memory": chain(ledger.url),
        "verify": command(ledger, events, *PROGRAM, "verify", "--json"),
        "verify --names": command(ledger, events, *PROGRAM, "verify", "--names", "--json"),
        "verify, one process": command(ledger, events, "-m", "audit.verify"),
        "rebuild --all": command(ledger, events, *PROGRAM, "rebuild", "--all", "--json"),
    }


def copy_log(url: str, events: int) -> Run:
    """Time a COPY of the log: the minimum for any reader."""
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(
            "copy (select * from ledger.events order by position) to stdout"
        ) as rows:
            for _ in rows:
                pass
        return Run(events / (time.perf_counter() - began))


def chain(url: str) -> Run:
    """Time the hash chain over lines in memory: the minimum for any checker in one process."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select concat_ws(E'\n', e.*)::bytea from ledger.events as e where position <= %s", (LINES,)
        ).fetchall()
    began, hash = time.perf_counter(), GENESIS
    for (lines,) in rows:
        hash = hash_after(hash, lines)
    return Run(len(rows) / (time.perf_counter() - began))


def command(ledger: BenchLedger, events: int, *arguments: str) -> Run:
    """Time a command of Python, including its start. Raises RuntimeError if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=clean_environment() | {"SEATLEDGER_DATA": str(ledger.data), "DATABASE_URL": ledger.url},
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
    return Run(events / seconds, (ended[2].ru_utime + ended[2].ru_stime) / events * 1e6, memory / 1e6)


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    name = "events_per_second"
    rounds = [
        {case: own | {"share": own[name] / one[REFERENCE][name]} for case, own in one.items()}
        for one in raw["rounds"]
    ]
    columns = {
        "events/s": middle(name),
        "lowest-highest": ends(name),
        "of COPY": middle("share", ".0%"),
        "CPU µs/event": middle("cpu_us", ".1f"),
        "memory MB": middle("memory_mb"),
    }
    title = f"A ledger of {raw['settings']['events']:,} events, {len(rounds)} rounds"
    return [case_table(title, rounds, columns)]


PART = Part(
    "audit",
    __doc__,
    {
        "events": Option("events in the ledger", 1_000_000, smoke=2_000),
        "rounds": Option("number of rounds", 3, smoke=1),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
