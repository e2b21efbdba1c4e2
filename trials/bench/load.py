"""`python -m trials.bench.load DATA EVENTS`: fill a ledger with trade, through the writer.

Every event comes from a command that is decided, rendered and recorded as over HTTP, in larger blocks. So the
database holds what years of trade would leave, including chain, views and keys.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loguru import logger

from analytics.schema import migrate
from api.http.commands import render
from database.embedded import running_database
from domain.caller import Caller, Role
from domain.commands import CancelBooking, Command, InitiateBooking, PayBooking, Price, ScheduleFlight
from domain.money import Money
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Answer, Submission
from runtime.settings import Settings
from trials.bench.ledgers import FreshLedger, seal_names
from trials.bench.process import run

BLOCK = 1_000
"""Commands per block."""

SEATS = 200
PRICE = Price(100_00, "INR")
SEED = 1815
PAID, CANCELLED = 0.75, 0.2
"""Share of bookings that are paid, and share of all bookings that are cancelled later."""

AIRPORTS = ("AMS", "BOM", "CDG", "DEL", "DXB", "FRA", "JFK", "LHR", "SIN", "SYD")
OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
PROGRESS_SECONDS = 30


def long_hold_settings(master: bytes) -> Settings:
    """Return settings with holds that outlast the load."""
    return Settings(hold_seconds=30 * 86_400, deadline_seconds=60, master_key=master)


class TradeLoader:
    """Submits rounds of trade: flights, bookings, payments, cancellations. Deterministic for a seed."""

    def __init__(self, ledger: Ledger, seed: int = SEED) -> None:
        self._ledger = ledger
        self._dice = random.Random(seed)
        self._began = datetime.now(UTC)
        self._flights = 0
        self.position = 0

    async def round(self) -> None:
        """Submit a round of about ten thousand events."""
        flights = [answer.subject_id for answer in await self._all(self._schedules(20))]
        requests = [
            (flight, f"user-{self._dice.randrange(1 << 20)}", self._dice.choice((1, 1, 1, 2, 2, 4)))
            for flight in flights
            for _ in range(SEATS // 2)
            if flight
        ]
        self._dice.shuffle(requests)
        holds = await self._all(
            (InitiateBooking(flight, user, seats), client(user)) for flight, user, seats in requests
        )
        made = [
            (answer.subject_id, user, seats)
            for answer, (_, user, seats) in zip(holds, requests, strict=True)
            if answer.subject_id
        ]
        paid = [one for one in made if self._dice.random() < PAID]
        await self._all(
            (PayBooking(id, user, Money(PRICE.amount * seats, PRICE.currency)), client(user))
            for id, user, seats in paid
        )
        cancelled = [one for one in made if self._dice.random() < CANCELLED]
        await self._all((CancelBooking(id, "plans have changed"), client(user)) for id, user, _ in cancelled)

    def _schedules(self, count: int) -> Iterator[tuple[Command, Caller]]:
        for _ in range(count):
            self._flights += 1
            origin, destination = self._dice.sample(AIRPORTS, 2)
            day, number = divmod(self._flights, 9_000)
            departs = self._began + timedelta(days=40 + day, minutes=self._dice.randrange(1440))
            arrives = departs + timedelta(hours=self._dice.randint(1, 14))
            yield (
                ScheduleFlight(f"BA{number + 1}", origin, destination, departs, arrives, SEATS, PRICE),
                OPERATOR,
            )

    async def _all(self, commands: Iterator[tuple[Command, Caller]]) -> Sequence[Answer]:
        """Submit the commands in blocks. Raises RuntimeError on a 5xx answer."""
        submissions = [
            Submission(
                command,
                caller,
                render,
                correlation_id=f"load-{self._dice.getrandbits(64):x}",
            )
            for command, caller in commands
        ]
        answers: list[Answer] = []
        for place in range(0, len(submissions), BLOCK):
            answers += await self._ledger.submit_all(submissions[place : place + BLOCK], atomic=False)
        if any(answer.status >= 500 for answer in answers):
            raise RuntimeError(f"the ledger failed: {answers[-1]}")
        self.position = max(self.position, answers[-1].position)
        return answers


def client(user: str) -> Caller:
    return Caller(user, frozenset({Role.CLIENT}))


async def load(url: str, events: int, master: bytes, seed: int = SEED) -> int:
    """LoadResult at least `events` events, and return the last position."""
    async with open_ledger(url, long_hold_settings(master)) as ledger:
        trade, began = TradeLoader(ledger, seed), time.monotonic()
        reported = began
        while trade.position < events:
            await trade.round()
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                pace = trade.position / (reported - began)
                print(
                    f"load: {trade.position:,} of {events:,} events, {pace:,.0f} a second, "
                    f"{max(0, events - trade.position) / pace / 60:.0f} minutes more",
                    file=sys.stderr,
                    flush=True,
                )
        return trade.position


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data folder of the ledger to fill")
    parser.add_argument("events", type=int)
    options = parser.parse_args()
    logger.remove()
    options.data.mkdir(parents=True, exist_ok=True)
    with running_database(None, options.data) as url:
        migrate(url)
        began = time.monotonic()
        position = run(load(url, options.events, seal_names(FreshLedger(url, options.data))))
        print(f"{position} events in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
