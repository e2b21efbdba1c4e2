"""Bookings while an analyst keeps a snapshot open.

During an open snapshot PostgreSQL keeps every changed row, so a table with thousands of changes per second
grows and slows down. Two ledgers are booked in alternating slices before, during and after a long transaction
on one of them; the other ledger shows the effect of the machine. All bookings go to a few flights, which is
the worst case.
"""

import random
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import psycopg

from ledger.ledger import Ledger
from trials.bench.direct_client import RATE_MAX, SEATS, book, schedule, seats_of
from trials.bench.fresh import BenchLedger, fresh_ledger
from trials.bench.pace import Pace
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.servers import verified
from trials.bench.tables import PACE_COLUMNS, ResultTable, case_table

IN_FLIGHT = 64
FLIGHTS = 16
LEDGERS = ("read", "other")
ANALYSIS = "select topic, count(*) from ledger.events group by topic order by topic"


def measure(options: Namespace) -> dict[str, Any]:
    with ExitStack() as stack:
        ledgers = {name: stack.enter_context(fresh_ledger()) for name in LEDGERS}
        return {"rounds": run(_slices(ledgers, options)), "checks": [verified(ledgers["read"].data)]}


async def _slices(fresh: Mapping[str, BenchLedger], options: Namespace) -> list[Any]:
    async with AsyncExitStack() as stack:
        ledgers = {name: await stack.enter_async_context(one.open()) for name, one in fresh.items()}

        async def slice(phase: str) -> dict[str, Any]:
            order = random.sample(LEDGERS, len(LEDGERS))
            return {"phase": phase} | {name: await _book(ledgers[name], options.slice) for name in order}

        await slice("warm")
        found = [await slice("before") for _ in range(options.slices)]
        async with snapshot(fresh["read"].url):
            until = time.monotonic() + options.seconds
            while time.monotonic() < until:
                print(f"snapshot: open for {until - time.monotonic():.0f} s more", file=sys.stderr)
                found.append(await slice("while"))
        return found + [await slice("after") for _ in range(options.slices)]


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[None]:
    """Hold a snapshot open during the context. Raises psycopg.Error if it was lost."""
    async with await psycopg.AsyncConnection.connect(url) as analyst:
        await analyst.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        first = await (await analyst.execute(ANALYSIS)).fetchall()
        yield
        if await (await analyst.execute(ANALYSIS)).fetchall() != first:
            raise RuntimeError("the analyst's snapshot did not stay as it was")


async def _book(ledger: Ledger, seconds: int) -> Pace:
    flights = await schedule(ledger, -(-RATE_MAX * seconds // SEATS // FLIGHTS) * FLIGHTS)
    return await book(ledger, seats_of(flights, FLIGHTS), IN_FLIGHT, seconds)


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    title = (
        f"Bookings with a snapshot open for {raw['settings']['seconds']} s, {FLIGHTS} flights, 64 in flight"
    )
    rows: list[Any] = []
    for phase in ("before", "while", "after"):
        slices = [
            {
                f"{phase}, the ledger that is read": one["read"],
                f"{phase}, another": one["other"],
            }
            for one in raw["rounds"]
            if one["phase"] == phase
        ]
        rows += case_table(title, slices, PACE_COLUMNS).rows
    return [ResultTable(title, ("", *PACE_COLUMNS), rows)]


PART = Part(
    "snapshot",
    __doc__,
    {
        "seconds": Option("seconds that the snapshot stays open", 120, smoke=2),
        "slice": Option("seconds of each slice", 3, smoke=1),
        "slices": Option("number of slices before, and after", 4, smoke=1),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
