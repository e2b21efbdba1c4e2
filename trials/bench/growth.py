"""Growth: cost of commands and queries in ledgers of several sizes.

Fills a ledger of each size through the writer, and runs the same commands and queries on all of them in turn,
with bookings from the whole log. Ten million events take ten to twenty minutes to fill and 15 GB of disk;
sizes that do not fit on the disk are left out.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import psycopg
from loguru import logger

from ledger.ledger import open_ledger
from runtime.settings import Settings
from scheduler.sweeper import expire_holds
from trials.bench import servers, size_costs
from trials.bench.audit import command
from trials.bench.footprint import children, own_memory_bytes, processes
from trials.bench.process import run
from trials.bench.report import BenchCheck, conclude, part_parser, settings
from trials.bench.size_costs import fresh_flights, hold
from trials.bench.sized_ledgers import SizedLedger, grown, running, sizes_that_fit
from trials.bench.tables import ResultTable

SIZES = (10_000, 1_000_000, 10_000_000)
SMOKE_SIZES = (2_000, 9_000)
TRIES, SMOKE_TRIES = 200, 16
"""Tries of each kind, per round and ledger."""

DUE_AT_ONCE = 500
DUE = 10_000
"""Number of due holds for the sweep."""


async def sweep(ground: SizedLedger, due: int) -> float:
    """Return the seconds to expire the due holds."""
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
        # Some due holds were expired by other commands meanwhile.
        return (time.perf_counter() - began) * due / max(expired, 1)


def restart(ground: SizedLedger) -> tuple[float, list[int]]:
    """Return the seconds from start to ready, database included, and the memory of each Python process."""
    began = time.perf_counter()
    up = ("cli.main", "up", "--data", str(ground.data))
    with servers.running(*up, log=ground.data / "up.log"):
        seconds = time.perf_counter() - began
        mine = [process for child in children(os.getpid()) for process in processes(child)]
        return seconds, [own_memory_bytes(process) for process in mine]


def once(ground: SizedLedger, due: int) -> dict[str, float]:
    """Measure start, sweep and verify for each size. Raises RuntimeError if a ledger does not verify."""
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


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
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
    return [ResultTable(title, ("", *(f"{int(size):,} events" for size in sizes)), rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if all ledgers verify."""
    parser = part_parser("growth", __doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", metavar="EVENTS", help=f"in each ledger {SIZES}".replace(",", "")
    )
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="how often all is asked (11)")
    options = parser.parse_args(arguments)
    due, tries = DUE, TRIES
    if options.smoke:
        options.rounds, due, tries = 1, DUE_AT_ONCE, SMOKE_TRIES
    options.sizes = options.sizes or (SMOKE_SIZES if options.smoke else SIZES)
    logger.remove()
    fit, left_out = sizes_that_fit(options.sizes)
    chosen = {**settings(vars(options)), "left_out": left_out}
    if left_out:
        print(f"growth: {left_out}", file=sys.stderr)
    with grown(fit) as sized_ledgers_:
        with running(sized_ledgers_) as here:
            rounds = run(size_costs.measure(here, options.rounds, tries))
        sizes = {str(ground.events): once(ground, due) for ground in sized_ledgers_}
    # A ledger that does not verify ends the benchmark with an error.
    checks = [BenchCheck("verify, each size", True, ", ".join(f"{int(size):,} events" for size in sizes))]
    return conclude(
        {"settings": chosen, "rounds": rounds, "sizes": sizes, "checks": checks}, tables, options.out
    )


if __name__ == "__main__":
    sys.exit(main())
