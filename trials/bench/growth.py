"""Growth: cost of commands and queries in ledgers of several sizes.

Fills a ledger of each size through the writer, and runs the same commands and queries on all of them in turn,
with bookings from the whole log. Ten million events take ten to twenty minutes to fill and 15 GB of disk;
sizes that do not fit on the disk are left out.
"""

import asyncio
import os
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from domain.commands.bookings import InitiateBooking
from ledger.sweeps import expire_holds
from trials.bench import servers, size_costs
from trials.bench.audit import command
from trials.bench.direct_client import client, schedule, submit
from trials.bench.footprint import children, own_memory_bytes, processes
from trials.bench.fresh import BenchLedger, ledger_in
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.report import BenchCheck
from trials.bench.sized_ledgers import SizedLedger, grown, running, sizes_that_fit
from trials.bench.tables import ResultTable
from trials.bench.targets import BYTES
from trials.programs.program import PROGRAM


def measure(options: Namespace) -> dict[str, Any]:
    fit, left_out = sizes_that_fit(options.sizes)
    if left_out:
        print(f"growth: {left_out}", file=sys.stderr)
    with grown(fit) as ledgers:
        with running(ledgers) as open_ledgers:
            rounds = run(size_costs.measure(ledgers, open_ledgers, options.rounds, options.tries))
        sizes = {str(ledger.events): once(ledger, options.due) for ledger in ledgers}
    # A ledger that does not verify ends the benchmark with an error.
    checks = [BenchCheck("verify, each size", True, ", ".join(f"{int(size):,} events" for size in sizes))]
    return {"settings": {"left_out": left_out}, "rounds": rounds, "sizes": sizes, "checks": checks}


def once(sized: SizedLedger, due: int) -> dict[str, float]:
    """Measure start, sweep and verify for each size. Raises RuntimeError if a ledger does not verify."""
    with ledger_in(sized.data) as ledger:
        swept = run(sweep(ledger, due))
        with psycopg.connect(ledger.url) as connection:
            row = connection.execute(_SIZE).fetchone()
        assert row
        verified = command(ledger, row[2], *PROGRAM, "verify", "--json")
    ready, memory = restart(sized.data)
    return {
        f"sweep of {due:,} due holds, s": swept,
        "verify, events/s": verified.events_per_second,
        "verify, all processes, MB": verified.memory_mb or 0.0,
        BYTES: row[0] / row[1],
        "start until ready, s": ready,
        "largest process, MB": max(memory) / 1e6,
        "all processes, MB": sum(memory) / 1e6,
    }


async def sweep(bench_ledger: BenchLedger, due: int) -> float:
    """Return the seconds to expire the due holds."""
    async with bench_ledger.open(hold_seconds=1) as ledger:
        flights = await schedule(ledger, 20)
        users = [(f"customer-{number}", flights[number % len(flights)]) for number in range(due)]
        await submit(ledger, [(InitiateBooking(flight, user, 1), client(user)) for user, flight in users])
        await asyncio.sleep(1.1)
        began = time.perf_counter()
        expired = await expire_holds(ledger)
        # Some due holds were expired by other commands meanwhile.
        return (time.perf_counter() - began) * due / max(expired, 1)


def restart(data: Path) -> tuple[float, list[int]]:
    """Return the seconds from start to ready, database included, and the memory of each Python process."""
    began = time.perf_counter()
    with servers.running("cli.main", "up", "--data", str(data), log=data / "up.log"):
        seconds = time.perf_counter() - began
        mine = [process for child in children(os.getpid()) for process in processes(child)]
        return seconds, [own_memory_bytes(process) for process in mine]


_SIZE = """
    select pg_database_size(current_database()), (select count(*) from ledger.bookings),
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


PART = Part(
    "growth",
    __doc__,
    {
        "sizes": Option("events in each ledger", [10_000, 1_000_000, 10_000_000], smoke=[2_000, 9_000]),
        "rounds": Option("number of rounds", 11, smoke=1),
        "tries": Option("tries of each case, per round and ledger", 200, smoke=16),
        "due": Option("due holds for the sweep", 10_000, smoke=500),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
