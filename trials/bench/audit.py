"""How fast a ledger is verified, and its views rebuilt.

Fills a fresh ledger through the real writer (`trials.bench.load`), then runs the commands that auditors and
operators run, round by round, beside two references: one COPY of the log to nowhere, and the bare hash
chain over lines that are in memory already.
"""

import argparse
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
from trials.bench.ledgers import fresh_ledger, sealed
from trials.bench.load import load
from trials.bench.process import run
from trials.bench.report import RESULTS, Check, conclude, settings
from trials.bench.servers import REPOSITORY, clean_environment
from trials.bench.tables import Table, spread

LINES = 100_000
LOOK_SECONDS = 0.05
REFERENCE = "COPY of the log"


class Run(msgspec.Struct, frozen=True):
    """One case once: CPU seconds and memory are of all its Python processes together, not of PostgreSQL."""

    events: int
    seconds: float
    cpu_seconds: float = 0.0
    memory_bytes: int = 0


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


def command(url: str, data: Path | None, events: int, *arguments: str) -> Run:
    """The command as anybody would run it, its start and all. Raises RuntimeError when it fails."""
    began = time.perf_counter()
    folder = {} if data is None else {"SEATLEDGER_DATA": str(data)}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        env=clean_environment() | folder | {"DATABASE_URL": url},
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
    """A ledger with that many events: at `url` as it is found, or a fresh one that goes again."""
    if url is not None:
        with psycopg.connect(url) as connection:
            row = connection.execute("select max(position) from ledger.events").fetchone()
        yield url, None, row[0] if row else 0
        return
    with fresh_ledger() as fresh:
        found = run(load(fresh.url, events, sealed(fresh)))
        with psycopg.connect(fresh.url, autocommit=True) as connection:
            connection.execute("vacuum analyze")
        yield fresh.url, fresh.data, found


def tables(raw: Mapping[str, Any]) -> list[Table]:
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
    return [Table(title, headings, rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the ledger verified each time."""
    parser = argparse.ArgumentParser(
        prog="python -m trials.bench.audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N", help="in the ledger (1000000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often all is measured (3)")
    parser.add_argument("--url", help="of a ledger that is filled already, instead of a fresh one")
    parser.add_argument("--smoke", action="store_true", help="one round of a small one: measures nothing")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "audit.json", metavar="FILE", help="raw numbers as JSON"
    )
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
    # Whichever of them fails ends the bench.
    checks = [Check("verify, every time", True, f"{options.events:,} events")]
    return conclude(
        {"settings": chosen | {"events": options.events}, "rounds": rounds, "checks": checks},
        tables,
        options.out,
    )


if __name__ == "__main__":
    sys.exit(main())
