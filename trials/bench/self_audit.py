"""`python -m trials.bench.self_audit [--events 10000]`: time to alarm, and cost.

Fills a ledger with paid bookings. The self-audit then runs as in the scheduler, in its own process, and the
writers are measured with and without it in turn.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from statistics import median

from audit.self_audit.rounds import full_round
from audit.self_audit.status import read_status
from database.connection import Connection, connect
from domain.caller import SYSTEM
from domain.commands import FLIGHT_SEATS_MAX, InitiateBooking, PayBooking
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Submission, render_plain
from runtime.settings import Settings
from scheduler.auditor import Auditor
from trials.bench.footprint import seconds_of
from trials.bench.ledgers import fresh_ledger
from trials.bench.load import PRICE
from trials.bench.size_costs import fresh_flights

AT_ONCE = 64
BLOCK = 1000
TRIES = 5
IDLE_SECONDS = 60
TURN_SECONDS = 35
"""Longer than the pause between two audit rounds, so that every turn contains some."""

TURNS = 3
PULSE_SECONDS = 1.0
START_SECONDS = 4
RED_SECONDS_MAX = 300
SETTINGS = Settings(hold_seconds=86_400, deadline_seconds=60)


async def trade(ledger: Ledger, events: int, at_once: int) -> int:
    """Book and pay, three events each, `at_once` concurrently. Return the number of commands."""
    commands = 0
    for first in range(0, events // 3, FLIGHT_SEATS_MAX):
        (flight,) = await fresh_flights(ledger, 1)
        for _ in range(first, min(first + FLIGHT_SEATS_MAX, events // 3), at_once):
            holds = [InitiateBooking(flight, f"user-{n}", 1) for n in range(at_once)]
            held = await ledger.submit_all(
                [Submission(one, SYSTEM, render_plain) for one in holds], atomic=False
            )
            pay = [
                PayBooking(one.subject_id, f"user-{n}", PRICE.as_money())
                for n, one in enumerate(held)
                if one.subject_id
            ]
            await ledger.submit_all([Submission(one, SYSTEM, render_plain) for one in pay], atomic=False)
            commands += len(holds) + len(pay)
    return commands


async def pulse(url: str) -> None:
    """Run the self-audit in a loop, as the scheduler does."""
    auditor = Auditor(url)
    while True:
        await auditor.run()
        await asyncio.sleep(PULSE_SECONDS)


@contextmanager
def auditing(url: str) -> Iterator[int]:
    """Run the self-audit in a child process. Yield its process id."""
    process = get_context("spawn").Process(target=_pulse, args=(url,), daemon=True)
    process.start()
    try:
        yield process.pid or 0
    finally:
        process.terminate()
        process.join()


def _pulse(url: str) -> None:
    asyncio.run(pulse(url))


async def corruptions(connection: Connection) -> None:
    """Measure the seconds until a corrupted row is reported, and until the repaired row is accepted."""
    for _ in range(TRIES):
        await asyncio.sleep(random.uniform(0, 30))
        cursor = await connection.execute(_CORRUPT, (random.random(),))
        row = await cursor.fetchone()
        assert row
        red = await until(connection, ok=False)
        await connection.execute(_MEND, (row[0],))
        green = await until(connection, ok=True)
        print(f"an old row corrupted: red after {red:.1f} s; mended: green after {green:.1f} s")


async def until(connection: Connection, ok: bool) -> float:
    began = time.perf_counter()
    async with asyncio.timeout(RED_SECONDS_MAX):
        while (await read_status(connection)).ok != ok:  # noqa: ASYNC110 - the table is polled
            await asyncio.sleep(0.1)
    return time.perf_counter() - began


async def idle(url: str, connection: Connection) -> None:
    """Return the share of a core used without writes, by the audit process and its session."""
    with auditing(url) as process:
        used = await busy(process, connection, asyncio.sleep(IDLE_SECONDS))
    print(f"idle: {used / IDLE_SECONDS:.2%} of a core")


async def writers(url: str, ledger: Ledger, connection: Connection) -> None:
    """Return commands per second with and without the self-audit in turn, and its share of a core."""
    paces: dict[bool, float] = {}

    async def turn(audited: bool) -> None:
        began, commands = time.perf_counter(), 0
        while time.perf_counter() - began < TURN_SECONDS:
            commands += await trade(ledger, 3 * AT_ONCE * 4, AT_ONCE)
        paces[audited] = commands / (time.perf_counter() - began)

    ratios = []
    for number in range(TURNS):
        used = 0.0
        for audited in (False, True) if number % 2 else (True, False):
            # The audit catches up first, so that the turn pays for its own events only.
            await full_round(connection)
            if audited:
                with auditing(url) as process:
                    used = await busy(process, connection, turn(True))
            else:
                await turn(False)
        ratios.append(paces[True] / paces[False])
        print(
            f"writing: {paces[True]:,.0f} commands/s audited, {paces[False]:,.0f} not: {ratios[-1]:.2f};"
            f" {used / TURN_SECONDS:.1%} of a core"
        )
    print(f"median {median(ratios):.2f}")


async def busy(process: int, connection: Connection, work: Awaitable[None]) -> float:
    """Return the CPU seconds of the audit process and its session so far."""
    await asyncio.sleep(START_SECONDS)
    cursor = await connection.execute(_SESSION)
    row = await cursor.fetchone()
    assert row
    before = seconds_of([process, row[0]])
    await work
    return seconds_of([process, row[0]]) - before


async def measure(url: str, events: int) -> None:
    async with open_ledger(url, SETTINGS) as ledger, await connect(url, "bench") as connection:
        await trade(ledger, events, BLOCK)
        for what in ("first round, from nothing", *["a round"] * 3):
            began = time.perf_counter()
            await full_round(connection)
            found = await read_status(connection)
            print(
                f"{what}: {time.perf_counter() - began:.2f} s, {found.rows} rows, position {found.position}"
            )
        with auditing(url):
            await corruptions(connection)
        await idle(url, connection)
        await writers(url, ledger, connection)
        await full_round(connection)
        print(await read_status(connection))


_CORRUPT = """
    update views.bookings set seats = seats + 1 where id = (
        select originator_id from ledger.events where topic = 'booking.initiated'
            and position <= greatest(2, %s * (select max(position) from ledger.events))
        order by position desc limit 1)
    returning id
"""
_MEND = "update views.bookings set seats = seats - 1 where id = %s"
_SESSION = "select pid from pg_stat_activity where application_name = 'seatledger self-audit'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    events = parser.parse_args().events
    with fresh_ledger() as (url, _):
        asyncio.run(measure(url, events))


if __name__ == "__main__":
    main()
