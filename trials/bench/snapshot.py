"""Bookings while an analyst keeps a snapshot open: what that costs those who book.

As long as the snapshot is open PostgreSQL must keep every row that was changed since, so a table whose rows
change thousands of times a second would grow and slow down. Two ledgers are booked on in turn, slice by
slice, before, while and after somebody reads one of them in a transaction that stays open; the other ledger
tells what the machine does meanwhile. All bookings go to a few flights, which is hardest on their rows.
"""

import argparse
import random
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from loguru import logger

from ledger.ledger import open_ledger
from trials.bench.desk import RATE_MAX, SEATS, Desk, settings, some_at_once
from trials.bench.ledgers import Fresh, fresh_ledger, sealed
from trials.bench.pgbench import Pace
from trials.bench.process import run
from trials.bench.report import RESULTS, conclude
from trials.bench.report import settings as told_settings
from trials.bench.tables import Table, spread
from trials.bench.verified import verified

IN_FLIGHT = 64
FLIGHTS = 16
SLICES = 4
"""Before, and after."""

LEDGERS = ("read", "other")
ANALYSIS = "select topic, count(*) from ledger.events group by topic order by topic"


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[None]:
    """A query, and its snapshot until the end of the context. Raises psycopg.Error when it did not last."""
    async with await psycopg.AsyncConnection.connect(url) as analyst:
        await analyst.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        first = await (await analyst.execute(ANALYSIS)).fetchall()
        yield
        if await (await analyst.execute(ANALYSIS)).fetchall() != first:
            raise RuntimeError("the analyst's snapshot did not stay as it was")


async def measure(ledgers: Mapping[str, Fresh], seconds: int, slice_seconds: int, slices: int) -> list[Any]:
    async with AsyncExitStack() as stack:
        desks = {
            name: Desk(await stack.enter_async_context(open_ledger(fresh.url, settings(sealed(fresh)))))
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


async def _book(desk: Desk, seconds: int) -> Pace:
    flights = await desk.schedule(-(-RATE_MAX * seconds // SEATS // FLIGHTS) * FLIGHTS)
    return await desk.book(some_at_once(flights, FLIGHTS), IN_FLIGHT, seconds)


def tables(raw: Mapping[str, Any]) -> list[Table]:
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
    return [Table(title, ("", "a second", "lowest-highest", "p99 ms"), rows)]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the ledger that was read verifies afterwards."""
    parser = argparse.ArgumentParser(
        prog="python -m trials.bench.snapshot",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds", type=int, default=120, metavar="S", help="that the snapshot stays open (120)"
    )
    parser.add_argument("--smoke", action="store_true", help="open for two seconds: measures nothing")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "snapshot.json", metavar="FILE", help="raw numbers as JSON"
    )
    options = parser.parse_args(arguments)
    slice_seconds, slices = 3, SLICES
    if options.smoke:
        options.seconds, slice_seconds, slices = 2, 1, 1
    logger.remove()
    chosen = told_settings(vars(options))
    with ExitStack() as stack:
        ledgers = {name: stack.enter_context(fresh_ledger()) for name in LEDGERS}
        rounds = run(measure(ledgers, options.seconds, slice_seconds, slices))
        checks = [verified(ledgers["read"].data)]
    found = {"settings": chosen, "rounds": rounds, "checks": checks}
    return conclude(found, tables, options.out)


if __name__ == "__main__":
    sys.exit(main())
