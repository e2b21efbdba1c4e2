"""`python -m bench.audit [--events 1000000]`: how fast a ledger is verified, and its projections rebuilt.

Fills a fresh ledger through the real writer (bench.load), then runs the commands that auditors and operators
run, round by round, beside two references: one COPY of the log to nowhere, and the bare hash chain over lines
that are in memory already. Targets are for two cores with nothing else to do; each round tells the load.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psycopg
from loguru import logger
from rich.console import Console
from rich.table import Table

from bench.footprint import memory_bytes
from bench.ledgers import fresh_ledger
from bench.load import load
from bench.report import WIDTH_PIPED, settings
from bench.servers import REPOSITORY, clean_environment
from ledger.chain import GENESIS, hash_after

DEFAULT_OUT = Path(__file__).with_name("results") / "audit.json"
LINES = 100_000
LOOK_SECONDS = 0.05
TARGETS = {"verify": 150_000, "rebuild --all": 100_000}
REFERENCE = "COPY of the log"


class Run(msgspec.Struct, frozen=True):
    """One case once: CPU seconds and memory are of all its Python processes together, not of PostgreSQL."""

    events: int
    seconds: float
    cpu_seconds: float = 0.0
    memory_bytes: int = 0

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


def copy_log(url: str, events: int) -> Run:
    """What any reader of the log pays at least."""
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(
            "copy (select * from ledger.events order by position) to stdout"
        ) as rows:
            for _ in rows:
                pass
        return Run(events, time.perf_counter() - began)


def chain(url: str) -> Run:
    """What any checker of the chain pays at least, in one process."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select concat_ws(E'\n', e.*)::bytea from ledger.events as e where position <= %s", (LINES,)
        ).fetchall()
    began, hash = time.perf_counter(), GENESIS
    for (lines,) in rows:
        hash = hash_after(hash, lines)
    return Run(len(rows), time.perf_counter() - began)


def command(url: str, events: int, *arguments: str) -> Run:
    """The command as anybody would run it, its start and all. Raises RuntimeError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        env=clean_environment() | {"DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    memory = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        with suppress(OSError):
            memory = max(memory, memory_bytes(process.pid))
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return Run(events, seconds, ended[2].ru_utime + ended[2].ru_stime, memory)


def cases(url: str, events: int) -> dict[str, Callable[[], Run]]:
    return {
        REFERENCE: lambda: copy_log(url, events),
        "chain in memory": lambda: chain(url),
        "verify": lambda: command(url, events, "cli.main", "verify", "--json"),
        "verify, one process": lambda: command(url, events, "ledger.verify"),
        "rebuild --all": lambda: command(url, events, "cli.main", "rebuild", "--all", "--json"),
    }


@contextmanager
def filled(url: str | None, events: int) -> Iterator[tuple[str, int]]:
    """A ledger with that many events: at `url` as it is found, or a fresh one that goes again."""
    if url is not None:
        with psycopg.connect(url) as connection:
            row = connection.execute("select max(position) from ledger.events").fetchone()
        yield url, row[0] if row else 0
        return
    with fresh_ledger() as (fresh, _):
        found = asyncio.run(load(fresh, events))
        with psycopg.connect(fresh, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield fresh, found


def show(rounds: Sequence[dict[str, Any]], title: str) -> None:
    table = Table(title=title, title_style="")
    for heading in ("", "events/s", "lowest-highest", "of COPY", "CPU us/event", "memory MB", "target"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for case in rounds[0]["runs"]:
        runs = [one["runs"][case] for one in rounds]
        paces = [run.events_per_second for run in runs]
        shares = [one["runs"][case].seconds / one["runs"][case].events for one in rounds]
        copies = [one["runs"][REFERENCE].seconds / one["runs"][REFERENCE].events for one in rounds]
        # Round by round, so that what disturbs a whole round disturbs both sides of the ratio.
        ratio = median(copy / share for copy, share in zip(copies, shares, strict=True))
        table.add_row(
            case,
            f"{median(paces):,.0f}",
            f"{min(paces):,.0f}-{max(paces):,.0f}",
            f"{ratio:.0%}",
            f"{median(run.cpu_seconds / run.events * 1e6 for run in runs):.1f}"
            if runs[0].cpu_seconds
            else "",
            f"{max(run.memory_bytes for run in runs) / 1e6:.0f}" if runs[0].memory_bytes else "",
            f"{TARGETS[case]:,}" if case in TARGETS else "",
        )
    Console(width=None if sys.stdout.isatty() else WIDTH_PIPED).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", help="of a ledger that is filled already, instead of a fresh one")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    logger.remove()
    with filled(options.url, options.events) as (url, events):
        rounds = []
        for number in range(options.rounds):
            runs = {case: run() for case, run in cases(url, events).items()}
            rounds.append({"load": os.getloadavg()[0], "runs": runs})
            print(f"round {number + 1} of {options.rounds}: load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    show(rounds, f"{events:,} events, {options.rounds} rounds, {os.cpu_count()} processors")
    chosen = settings({"events": events, "rounds": options.rounds})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = {"settings": chosen, "rounds": msgspec.to_builtins(rounds)}
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
