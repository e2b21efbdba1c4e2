"""The writer without HTTP, against PostgreSQL alone and the stock library.

Starts an embedded server with full durability. Each round measures in turn: 1 to 256 bookings in flight in
the writer, with the answers of the HTTP API; pgbench with one durable transaction per booking; the library's
own application. Finally it times the stages of a block and verifies the ledger.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from loguru import logger

from ledger.ledger import open_ledger
from trials.bench import pgbench, stages
from trials.bench.direct_client import RATE_MAX, SEATS, DirectClient, one_by_one, settings
from trials.bench.ledgers import FreshLedger, fresh_ledger, seal_names
from trials.bench.process import run
from trials.bench.report import conclude, part_parser
from trials.bench.report import settings as describe_run
from trials.bench.stock_application import Stock
from trials.bench.tables import ResultTable, spread
from trials.bench.verify_check import verified

IN_FLIGHT = (1, 16, 64, 256)


async def measure(fresh: FreshLedger, stock: Stock, seconds: int, rounds: int) -> dict[str, Any]:
    url = fresh.url
    async with open_ledger(url, settings(seal_names(fresh))) as ledger:
        client = DirectClient(ledger)
        many = cycle(await client.schedule(RATE_MAX * seconds * (len(IN_FLIGHT) * rounds + 2) // SEATS))
        await client.book(many, 64, seconds / 2)
        measured = []
        for number in range(rounds):
            print(f"writer: round {number + 1} of {rounds}", file=sys.stderr)
            hot = await client.schedule(RATE_MAX * seconds // SEATS)
            round = {f"{n} in flight": await client.book(many, n, seconds) for n in IN_FLIGHT}
            round["64 in flight, one hot flight"] = await client.book(one_by_one(hot), 64, seconds)
            for clients in (1, 64):
                pace = await asyncio.to_thread(pgbench.book, url, clients=clients, seconds=seconds, hot=False)
                round[f"pgbench, {clients} client{'s' * (clients > 1)}"] = pace
            round["pgbench, 64 clients, one hot flight"] = await asyncio.to_thread(
                pgbench.book, url, clients=64, seconds=seconds, hot=True
            )
            round["stock application"] = await asyncio.to_thread(stock.book, seconds)
            measured.append(round)
        with stages.clocked() as clock:
            pace = await client.book(many, 64, seconds)
        return {"rounds": measured, "stages": clock.microseconds(pace.per_second * seconds)}


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    return [pace_table(raw, "Bookings without HTTP"), _stage_table(raw["stages"])]


def pace_table(raw: Mapping[str, Any], title: str) -> ResultTable:
    rounds, chosen = raw["rounds"], raw["settings"]
    rows = []
    for case in rounds[0]:
        paces = [one[case] for one in rounds]
        milliseconds = [spread([pace[name] for pace in paces], ".2f")[0] for name in ("p50_ms", "p99_ms")]
        rows.append([case, *spread([pace["per_second"] for pace in paces]), *milliseconds])
    headings = ("", "a second", "lowest-highest", "p50 ms", "p99 ms")
    return ResultTable(f"{title}, {len(rounds)} rounds of {chosen['seconds']} s", headings, rows)


def _stage_table(found: Mapping[str, float]) -> ResultTable:
    rows = [(stage, f"{microseconds:.0f}") for stage, microseconds in found.items()]
    return ResultTable("Stages of a block, 64 in flight", ("stage", "µs a booking"), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the ledger verifies afterwards."""
    parser = part_parser("writer", __doc__)
    parser.add_argument(
        "--seconds", type=int, default=5, metavar="S", help="duration of each case in each round (5)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="number of rounds (5)")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.seconds, options.rounds = 1, 1
    logger.remove()
    chosen = describe_run(vars(options))
    with fresh_ledger() as fresh:
        pgbench.prepare(fresh.url)
        stock = Stock(fresh.url)
        try:
            found = run(measure(fresh, stock, options.seconds, options.rounds))
        finally:
            stock.close()
        checks = [verified(fresh.data)]
    return conclude({"settings": chosen, **found, "checks": checks}, tables, options.out)


if __name__ == "__main__":
    sys.exit(main())
