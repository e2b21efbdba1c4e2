"""The writer without HTTP: bookings a second by blocks, against PostgreSQL alone and the stock library.

Starts an embedded database with full durability. Each round measures, in turn: one to 256 bookings in flight
through the real writer, with the answers that HTTP would give; pgbench with one durable transaction for each
booking; the library's own application. At the end it tells how much time each stage of a block takes, and
verifies the ledger.
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

import uvloop
from loguru import logger
from rich.console import Console
from rich.table import Table

from api.commands import render
from bench import pgbench, report, stages
from bench.ledgers import fresh_ledger
from bench.pgbench import Pace, pace_of
from bench.stock import Stock
from domain.caller import Caller, Role
from domain.commands import InitiateBooking, Price, ScheduleFlight
from ledger.keying import key_ledger
from ledger.keyring import Keyring
from ledger.ledger import Ledger, open_ledger
from ledger.settings import MASTER_KEY_BYTES, Settings
from ledger.submission import Submission
from ledger.verify import verify

OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
SEATS = 1_000
IN_FLIGHT = (1, 16, 64, 256)
RATE_MAX = 30_000
"""Bookings a second that seats are provided for; a refusal ends the run."""

DEFAULT_OUT = Path(__file__).with_name("results") / "writer.json"


class Target(NamedTuple):
    case: str
    reference: str
    least: float


TARGETS = (
    Target("64 in flight", "pgbench, 64 clients", 1.0),
    Target("64 in flight, one hot flight", "pgbench, 64 clients, one hot flight", 5.0),
    Target("64 in flight, one hot flight", "64 in flight", 0.95),
    Target("64 in flight", "stock application", 15.0),
)
"""What is compared with what, and the ratio to reach."""


CUSTOMERS = 1_000
"""Who book again and again; their names are sealed, as they are in the program."""


class Desk:
    """Books through a ledger's writer. Every booking has a key of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._flights: list[UUID] = []
        self._made = 0

    async def schedule(self, flights: int) -> list[UUID]:
        departs = datetime.now(UTC) + timedelta(days=300)
        first = len(self._flights)

        async def one(number: int) -> UUID:
            # Flights differ by number and day.
            day = departs + timedelta(days=number // 9_999)
            command = ScheduleFlight(
                f"SL{number % 9_999 + 1}",
                "DEL",
                "BOM",
                day,
                day + timedelta(hours=2),
                SEATS,
                Price(4_500_00, "INR"),
            )
            answer = await self._ledger.submit(Submission(command, OPERATOR, render))
            assert answer.subject_id, answer
            return answer.subject_id

        new: list[UUID] = []
        for begin in range(first, first + flights, 500):
            new += await asyncio.gather(*(one(n) for n in range(begin, min(begin + 500, first + flights))))
        self._flights += new
        return new

    async def book(self, flights: Iterator[UUID], in_flight: int, seconds: float) -> Pace:
        """That many at a time, each followed at once by the next. Raises RuntimeError on a refusal."""
        times: list[float] = []
        began = time.perf_counter()
        until = began + seconds

        async def customer() -> None:
            while (asked := time.perf_counter()) < until:
                self._made += 1
                user = f"passenger-{self._made % CUSTOMERS}"
                command = InitiateBooking(next(flights), user, 1)
                caller = Caller(user, frozenset({Role.CLIENT}))
                answer = await self._ledger.submit(Submission(command, caller, render, f"key-{self._made}"))
                if answer.status != 201:
                    raise RuntimeError(answer.body.decode())
                times.append(time.perf_counter() - asked)

        await asyncio.gather(*(customer() for _ in range(in_flight)))
        return pace_of(times, time.perf_counter() - began)


async def measure(url: str, stock: Stock, seconds: int, rounds: int) -> dict[str, Any]:
    master = secrets.token_bytes(MASTER_KEY_BYTES)
    key_ledger(url, Keyring(master))
    settings = Settings(hold_seconds=86_400, deadline_seconds=30, master_key=master)
    async with open_ledger(url, settings) as ledger:
        desk = Desk(ledger)
        many = cycle(await desk.schedule(RATE_MAX * seconds * (len(IN_FLIGHT) * rounds + 2) // SEATS))
        await desk.book(many, 64, seconds / 2)
        measured = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            hot = await desk.schedule(RATE_MAX * seconds // SEATS)
            round = {f"{n} in flight": await desk.book(many, n, seconds) for n in IN_FLIGHT}
            round["64 in flight, one hot flight"] = await desk.book(one_by_one(hot), 64, seconds)
            for clients in (1, 64):
                pace = await asyncio.to_thread(pgbench.book, url, clients=clients, seconds=seconds, hot=False)
                round[f"pgbench, {clients} client{'s' * (clients > 1)}"] = pace
            round["pgbench, 64 clients, one hot flight"] = await asyncio.to_thread(
                pgbench.book, url, clients=64, seconds=seconds, hot=True
            )
            round["stock application"] = await asyncio.to_thread(stock.book, seconds)
            measured.append(round)
        with stages.clocked() as clock:
            pace = await desk.book(many, 64, seconds)
        return {"rounds": measured, "stages": clock.told(pace.per_second * seconds)}


def one_by_one(flights: Sequence[UUID]) -> Iterator[UUID]:
    """All on one flight until its last seat is gone, then all on the next."""
    for flight in flights:
        for _ in range(SEATS):
            yield flight


def show(results: dict[str, Any], out: Path) -> None:
    rounds = results["rounds"]
    chosen = results["settings"]
    title = f"{chosen['rounds']} rounds of {chosen['seconds']} s, {chosen['processors']} processors"
    table = Table(title=f"bookings without HTTP, {title}", title_style="")
    for heading in ("", "a second", "lowest-highest", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for case in rounds[0]:
        paces = [one[case].per_second for one in rounds]
        table.add_row(
            case,
            f"{median(paces):,.0f}",
            f"{min(paces):,.0f}-{max(paces):,.0f}",
            f"{median(one[case].p50_ms for one in rounds):.2f}",
            f"{median(one[case].p99_ms for one in rounds):.2f}",
        )
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH_PIPED)
    console.print(table)
    ratios = Table("", "of", "ratio", "lowest-highest", "target", "")
    for target in TARGETS:
        shares = [one[target.case].per_second / one[target.reference].per_second for one in rounds]
        reached = "reached" if median(shares) >= target.least else "missed"
        ratios.add_row(
            target.case,
            target.reference,
            f"{median(shares):.2f}",
            f"{min(shares):.2f}-{max(shares):.2f}",
            f"{target.least:.2f}",
            reached,
        )
    console.print(ratios)
    parts = Table(
        "stage", "µs a booking", title="where the time of a block goes, 64 in flight", title_style=""
    )
    for stage, microseconds in results["stages"].items():
        parts.add_row(stage, f"{microseconds:.0f}")
    console.print(parts)
    console.print(f"verify afterwards: {json.dumps(results['verify'])}", highlight=False, soft_wrap=True)
    console.print(f"raw numbers: {out}", highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the ledger verifies afterwards."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.writer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=5, metavar="S", help="of each case in each round (5)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often all is measured (5)")
    parser.add_argument("--smoke", action="store_true", help="one round of two seconds: measures nothing")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FILE", help="raw numbers as JSON")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.seconds, options.rounds = 2, 1
    logger.remove()
    with fresh_ledger() as (url, _):
        pgbench.prepare(url)
        stock = Stock(url)
        try:
            # As the API's processes do.
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                results = runner.run(measure(url, stock, options.seconds, options.rounds))
        finally:
            stock.close()
        verified = verify(url)
    results = {
        "settings": report.settings(vars(options)),
        **results,
        "verify": {"ok": verified.ok, "checked": verified.checked, "reason": verified.reason},
    }
    show(results, options.out)
    raw = {**results, "rounds": [{c: p._asdict() for c, p in one.items()} for one in results["rounds"]]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    return 0 if verified.ok else 1


if __name__ == "__main__":
    sys.exit(main())
