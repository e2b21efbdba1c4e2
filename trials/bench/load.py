"""`python -m trials.bench.load DATA EVENTS`: fill a ledger with trade, through the real writer.

Every event is made by a command that was decided, rendered and recorded as one over HTTP is; only the blocks
are larger. So what stands in the database is what years of trade leave there, chain, views, keys and all.
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
from trials.bench.ledgers import Fresh, sealed
from trials.bench.process import run

BLOCK = 1_000
"""Commands a block."""

SEATS = 200
PRICE = Price(100_00, "INR")
SEED = 1815
PAID, CANCELLED = 0.75, 0.2
"""Of all bookings those that are paid for; of those, and of the rest, those that are cancelled."""

AIRPORTS = ("AMS", "BOM", "CDG", "DEL", "DXB", "FRA", "JFK", "LHR", "SIN", "SYD")
OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
TELL_SECONDS = 30


def long(master: bytes) -> Settings:
    """Holds do not run out while the load lasts: what is swept is for who measures to say."""
    return Settings(hold_seconds=30 * 86_400, deadline_seconds=60, master_key=master)


class Load:
    """Rounds of trade: flights, bookings on them, payments, cancellations; the same for the same seed."""

    def __init__(self, ledger: Ledger, seed: int = SEED) -> None:
        self._ledger = ledger
        self._dice = random.Random(seed)
        self._began = datetime.now(UTC)
        self._flights = 0
        self.position = 0

    async def round(self) -> None:
        """Some ten thousand events: as many bookings as fill a few flights, and what becomes of them."""
        flights = [answer.subject_id for answer in await self._all(self._schedules(20))]
        asked = [
            (flight, f"user-{self._dice.randrange(1 << 20)}", self._dice.choice((1, 1, 1, 2, 2, 4)))
            for flight in flights
            for _ in range(SEATS // 2)
            if flight
        ]
        self._dice.shuffle(asked)
        holds = await self._all(
            (InitiateBooking(flight, user, seats), client(user)) for flight, user, seats in asked
        )
        made = [
            (answer.subject_id, user, seats)
            for answer, (_, user, seats) in zip(holds, asked, strict=True)
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
        """Raises RuntimeError when the ledger gives an answer that only a fault explains."""
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
            raise RuntimeError(f"the ledger broke: {answers[-1]}")
        self.position = max(self.position, answers[-1].position)
        return answers


def client(user: str) -> Caller:
    return Caller(user, frozenset({Role.CLIENT}))


async def load(url: str, events: int, master: bytes, seed: int = SEED) -> int:
    """Trade until the log has `events` events or a few thousand more; its last position."""
    async with open_ledger(url, long(master)) as ledger:
        trade, began = Load(ledger, seed), time.monotonic()
        told = began
        while trade.position < events:
            await trade.round()
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                pace = trade.position / (told - began)
                print(
                    f"load: {trade.position:,} of {events:,} events, {pace:,.0f} a second, "
                    f"{max(0, events - trade.position) / pace / 60:.0f} minutes more",
                    file=sys.stderr,
                    flush=True,
                )
        return trade.position


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a data folder, of a ledger that may be filled")
    parser.add_argument("events", type=int)
    options = parser.parse_args()
    logger.remove()
    options.data.mkdir(parents=True, exist_ok=True)
    with running_database(None, options.data) as url:
        migrate(url)
        began = time.monotonic()
        position = run(load(url, options.events, sealed(Fresh(url, options.data))))
        print(f"{position} events in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
