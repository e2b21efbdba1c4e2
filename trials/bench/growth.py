"""What grows with the log, and what does not.

Fills a ledger of each size through the real writer, in a data folder of its own, and asks all of them the
same by turns. Bookings that are asked for come from all of the log. Ten million events take some ten to
twenty minutes to fill and 15 GB of disk; a size that there is no disk for is left out.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from loguru import logger

from ledger.ledger import open_ledger
from runtime.settings import Settings
from scheduler.sweeper import expire_holds
from trials.bench import asked, servers
from trials.bench.asked import fresh_flights, hold
from trials.bench.audit import command
from trials.bench.footprint import children, own_memory_bytes, processes
from trials.bench.grown import Ground, grown, running, those_that_fit
from trials.bench.process import run
from trials.bench.report import RESULTS, Check, conclude, settings
from trials.bench.tables import Table

SIZES = (10_000, 1_000_000, 10_000_000)
SMOKE_SIZES = (2_000, 9_000)
TRIES, SMOKE_TRIES = 200, 16
"""Of each kind in each round, of each ledger."""

DUE_AT_ONCE = 500
DUE = 10_000
"""Holds that a sweep finds."""


async def sweep(ground: Ground, due: int) -> float:
    """Seconds to expire so many holds."""
    hasty = Settings(hold_seconds=1, deadline_seconds=60, master_key=ground.master)
    async with open_ledger(ground.url, hasty) as ledger:
        flights = await fresh_flights(ledger, 20)
        for first in range(0, due, DUE_AT_ONCE):
            holds = [
                hold(flights[number % len(flights)], number) for number in range(first, first + DUE_AT_ONCE)
            ]
            await ledger.submit_all(holds, atomic=False)
        await asyncio.sleep(1.1)
        began = time.perf_counter()
        expired = await expire_holds(ledger)
        # Some seats were taken from holds that had run out meanwhile.
        return (time.perf_counter() - began) * due / max(expired, 1)


def restart(ground: Ground) -> tuple[float, list[int]]:
    """Seconds from nothing to ready, database and all; and the memory of each Python process after that."""
    began = time.perf_counter()
    up = ("cli.main", "up", "--data", str(ground.data))
    with servers.running(*up, log=ground.data / "up.log"):
        seconds = time.perf_counter() - began
        mine = [process for child in children(os.getpid()) for process in processes(child)]
        return seconds, [own_memory_bytes(process) for process in mine]


def once(ground: Ground, due: int) -> dict[str, float]:
    """What is measured once for each size. Raises RuntimeError when it does not verify."""
    with running([ground]) as (here,):
        swept = run(sweep(here, due))
        with psycopg.connect(here.url) as connection:
            row = connection.execute(_SIZE).fetchone()
        assert row
        verified = command(here.url, ground.data, row[2], "cli.main", "verify", "--json")
    ready, memory = restart(ground)
    return {
        f"sweep of {due:,} due holds, s": swept,
        "verify, events/s": row[2] / verified.seconds,
        "verify, all processes, MB": verified.memory_bytes / 1e6,
        "bytes a booking on disk": row[0] / row[1],
        "start until ready, s": ready,
        "largest process, MB": max(memory) / 1e6,
        "all processes, MB": sum(memory) / 1e6,
    }


_SIZE = """
    select pg_database_size(current_database()), (select count(*) from views.bookings),
        (select max(position) from ledger.events)
"""


def tables(raw: Mapping[str, Any]) -> list[Table]:
    rounds, sizes = raw["rounds"], list(raw["sizes"])
    least, rows = sizes[0], []
    for kind in rounds[0][least]:
        cells = []
        for size in sizes:
            shares = [one[size][kind] / one[least][kind] for one in rounds]
            here = f"{median(one[size][kind] for one in rounds):.2f} ms"
            spread = f" {median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})"
            cells.append(here + (spread if size != least else ""))
        rows.append([kind, *cells])
    for kind in raw["sizes"][least]:
        places = 0 if "bytes" in kind or "events/s" in kind else 2
        cells = [f"{raw['sizes'][size][kind]:,.{places}f}" for size in sizes]
        rows.append([kind, *cells])
    title = f"What grows: medians of {len(rounds)} rounds, and in that at the smallest size"
    return [Table(title, ("", *(f"{int(size):,} events" for size in sizes)), rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all ledgers verify."""
    parser = argparse.ArgumentParser(
        prog="python -m trials.bench.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", metavar="EVENTS", help=f"in each ledger {SIZES}".replace(",", "")
    )
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="how often all is asked (11)")
    parser.add_argument("--smoke", action="store_true", help="small ledgers, one round: measures nothing")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "growth.json", metavar="FILE", help="raw numbers as JSON"
    )
    options = parser.parse_args(arguments)
    due, tries = DUE, TRIES
    if options.smoke:
        options.rounds, due, tries = 1, DUE_AT_ONCE, SMOKE_TRIES
    options.sizes = options.sizes or (SMOKE_SIZES if options.smoke else SIZES)
    logger.remove()
    fit, left_out = those_that_fit(options.sizes)
    chosen = {**settings(vars(options)), "left_out": left_out}
    if left_out:
        print(f"growth: {left_out}", file=sys.stderr)
    with grown(fit) as grounds:
        with running(grounds) as here:
            rounds = run(asked.measure(here, options.rounds, tries))
        sizes = {str(ground.events): once(ground, due) for ground in grounds}
    # Whichever does not verify ends the bench.
    checks = [Check("verify, each size", True, ", ".join(f"{int(size):,} events" for size in sizes))]
    return conclude(
        {"settings": chosen, "rounds": rounds, "sizes": sizes, "checks": checks}, tables, options.out
    )


if __name__ == "__main__":
    sys.exit(main())
