"""Bookings while an analyst keeps a snapshot open.

During an open snapshot PostgreSQL keeps every changed row, so a table with thousands of changes per second
grows and slows down. Two ledgers are booked in alternating slices before, during and after a long transaction
on one of them; the other ledger shows the effect of the machine. All bookings go to a few flights, which is
the worst case.
"""

import random
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import psycopg
from loguru import logger

from ledger.ledger import open_ledger
from trials.bench.direct_client import RATE_MAX, SEATS, DirectClient, settings, some_at_once
from trials.bench.ledgers import FreshLedger, fresh_ledger, seal_names
from trials.bench.pgbench import BookingPace
from trials.bench.process import run
from trials.bench.report import conclude, part_parser
from trials.bench.report import settings as describe_run
from trials.bench.tables import ResultTable, spread
from trials.bench.verify_check import verified

IN_FLIGHT = 64
FLIGHTS = 16
SLICES = 4
"""Number of slices before, and after."""

LEDGERS = ("read", "other")
ANALYSIS = "select topic, count(*) from ledger.events group by topic order by topic"


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[None]:
    """Hold a snapshot open during the context. Raises psycopg.Error if it was lost."""
    async with await psycopg.AsyncConnection.connect(url) as analyst:
        await analyst.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        first = await (await analyst.execute(ANALYSIS)).fetchall()
        yield
        if await (await analyst.execute(ANALYSIS)).fetchall() != first:
            raise RuntimeError("the analyst's snapshot did not stay as it was")


async def measure(
    ledgers: Mapping[str, FreshLedger], seconds: int, slice_seconds: int, slices: int
) -> list[Any]:
    async with AsyncExitStack() as stack:
        desks = {
            name: DirectClient(
                await stack.enter_async_context(open_ledger(fresh.url, settings(seal_names(fresh))))
            )
            for name, fresh in ledgers.items()
        }

        async def slice(phase: str) -> dict[str, Any]:
            order = random.sample(LEDGERS, len(LEDGERS))
            return {"phase": phase} | {name: await _book(desks[name], slice_seconds) for name in order}

        await slice("warm")
        found = [await slice("before") for _ in range(slices)]
        async with snapshot(ledgers["read"].url):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                print(f"snapshot: open for {until - time.monotonic():.0f} s more", file=sys.stderr)
                found.append(await slice("while"))
        return found + [await slice("after") for _ in range(slices)]


async def _book(desk: DirectClient, seconds: int) -> BookingPace:
    flights = await desk.schedule(-(-RATE_MAX * seconds // SEATS // FLIGHTS) * FLIGHTS)
    return await desk.book(some_at_once(flights, FLIGHTS), IN_FLIGHT, seconds)


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    rows = []
    for phase in ("before", "while", "after"):
        chosen = [one for one in raw["rounds"] if one["phase"] == phase]
        for name in LEDGERS:
            paces = [one[name] for one in chosen]
            p99 = spread([pace["p99_ms"] for pace in paces], ".2f")[0]
            cells = spread([pace["per_second"] for pace in paces])
            rows.append(
                [f"{phase}, {'the ledger that is read' if name == 'read' else 'another'}", *cells, p99]
            )
    title = (
        f"Bookings with a snapshot open for {raw['settings']['seconds']} s, {FLIGHTS} flights, 64 in flight"
    )
    return [ResultTable(title, ("", "a second", "lowest-highest", "p99 ms"), rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the ledger with the snapshot verifies afterwards."""
    parser = part_parser("snapshot", __doc__)
    parser.add_argument(
        "--seconds", type=int, default=120, metavar="S", help="that the snapshot stays open (120)"
    )
    options = parser.parse_args(arguments)
    slice_seconds, slices = 3, SLICES
    if options.smoke:
        options.seconds, slice_seconds, slices = 2, 1, 1
    logger.remove()
    chosen = describe_run(vars(options))
    with ExitStack() as stack:
        ledgers = {name: stack.enter_context(fresh_ledger()) for name in LEDGERS}
        rounds = run(measure(ledgers, options.seconds, slice_seconds, slices))
        checks = [verified(ledgers["read"].data)]
    found = {"settings": chosen, "rounds": rounds, "checks": checks}
    return conclude(found, tables, options.out)


if __name__ == "__main__":
    sys.exit(main())
