"""`python -m trials.bench.load DATA EVENTS`: fill a ledger with trade, through the writer.

Every event comes from a command that is decided, rendered and recorded as over HTTP, in larger blocks. So the
database holds what years of trade would leave, including chain, views and keys.
"""

import argparse
import sys
import time
from pathlib import Path
from random import Random

from loguru import logger

from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.payments import PayBooking
from domain.money import Money
from ledger.ledger import Ledger
from trials.bench.direct_client import PRICE, client, schedule, submit
from trials.bench.fresh import BenchLedger, ledger_in
from trials.bench.process import run

FLIGHTS = 20
SEATS = 200
SEED = 1815
PAID, CANCELLED = 0.75, 0.2
"""Share of bookings that are paid, and share of all bookings that are cancelled later."""

PROGRESS_SECONDS = 30


async def load(filled: BenchLedger, events: int) -> int:
    """Load at least `events` events, and return the last position."""
    async with filled.open() as ledger:
        position, dice = 0, Random(SEED)
        began = reported = time.monotonic()
        while position < events:
            position = await trade(ledger, dice)
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                pace = position / (reported - began)
                print(f"load: {position:,} of {events:,} events, {pace:,.0f} a second", file=sys.stderr)
        return position


async def trade(ledger: Ledger, dice: Random) -> int:
    """Book on new flights, pay and cancel: some 5,700 events. Return the last position."""
    parties = [
        (flight, f"user-{dice.randrange(1 << 20)}", dice.choice((1, 1, 1, 2, 2, 4)))
        for flight in await schedule(ledger, FLIGHTS, SEATS)
        for _ in range(SEATS // 2)
    ]
    dice.shuffle(parties)
    holds = await submit(ledger, [(InitiateBooking(*party), client(party[1])) for party in parties])
    made = [
        (answer.subject_id, user, seats)
        for answer, (_, user, seats) in zip(holds, parties, strict=True)
        if answer.subject_id
    ]
    payments = [
        (PayBooking(booking, user, Money(PRICE.amount * seats, PRICE.currency)), client(user))
        for booking, user, seats in made
        if dice.random() < PAID
    ]
    await submit(ledger, payments)
    cancellations = [
        (CancelBooking(booking, "plans have changed"), client(user))
        for booking, user, _ in made
        if dice.random() < CANCELLED
    ]
    return (await submit(ledger, cancellations))[-1].position


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data folder of the ledger to fill")
    parser.add_argument("events", type=int)
    options = parser.parse_args()
    logger.remove()
    options.data.mkdir(parents=True, exist_ok=True)
    with ledger_in(options.data) as ledger:
        print(f"{run(load(ledger, options.events)):,} events")


if __name__ == "__main__":
    main()
