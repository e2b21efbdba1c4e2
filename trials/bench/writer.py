"""The writer without HTTP, against PostgreSQL alone and the stock library.

Starts an embedded server with full durability. Each round measures in turn: 1 to 256 bookings in flight in
the writer, with the answers of the HTTP API; pgbench with one durable transaction per booking; the library's
own application. Finally it times the stages of a block and verifies the ledger.
"""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from itertools import cycle
from typing import Any

from trials.bench import large_commands, pgbench, stages
from trials.bench.direct_client import RATE_MAX, SEATS, book, schedule, seats_of
from trials.bench.fresh import BenchLedger, fresh_ledger
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.servers import verified
from trials.bench.stock_application import Stock
from trials.bench.tables import PACE_COLUMNS, ResultTable, case_table

IN_FLIGHT = (1, 16, 64, 256)


def measure(options: Namespace) -> dict[str, Any]:
    with fresh_ledger() as fresh:
        pgbench.prepare(fresh.url)
        with closing(Stock(fresh.url)) as stock:
            found = run(_measure(fresh, stock, options.seconds, options.rounds))
        return found | {"checks": [verified(fresh.data)]}


async def _measure(fresh: BenchLedger, stock: Stock, seconds: int, rounds: int) -> dict[str, Any]:
    async with fresh.open() as ledger:
        many = cycle(await schedule(ledger, RATE_MAX * seconds * (len(IN_FLIGHT) * rounds + 2) // SEATS))
        await book(ledger, many, 64, seconds / 2)
        measured = []
        for number in range(rounds):
            print(f"writer: round {number + 1} of {rounds}", file=sys.stderr)
            hot = seats_of(await schedule(ledger, RATE_MAX * seconds // SEATS))
            measured.append(
                {f"{n} in flight": await book(ledger, many, n, seconds) for n in IN_FLIGHT}
                | {"64 in flight, one hot flight": await book(ledger, hot, 64, seconds)}
                | await asyncio.to_thread(_references, fresh.url, stock, seconds)
            )
        with stages.clocked() as clock:
            pace = await book(ledger, many, 64, seconds)
        large = [await large_commands.measure(ledger, number) for number in range(rounds)]
        return {
            "rounds": measured,
            "stages": clock.microseconds(pace.per_second * seconds),
            "large commands": large,
        }


def _references(url: str, stock: Stock, seconds: int) -> dict[str, Any]:
    return {
        "pgbench, 1 client": pgbench.book(url, 1, seconds),
        "pgbench, 64 clients": pgbench.book(url, 64, seconds),
        "pgbench, 64 clients, one hot flight": pgbench.book(url, 64, seconds, hot=True),
        "stock application": stock.book(seconds),
    }


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    rounds = raw["rounds"]
    title = f"Bookings without HTTP, {len(rounds)} rounds of {raw['settings']['seconds']} s"
    stages = [(stage, f"{microseconds:.0f}") for stage, microseconds in raw["stages"].items()]
    return [
        case_table(title, rounds, PACE_COLUMNS),
        ResultTable("Stages of a block, 64 in flight", ("stage", "µs a booking"), stages),
        large_commands.table(raw["large commands"]),
    ]


PART = Part(
    "writer",
    __doc__,
    {
        "seconds": Option("duration of each case in each round", 5, smoke=1),
        "rounds": Option("number of rounds", 5, smoke=1),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
