"""`python -m bench.growth [--sizes 10000,1000000]`: what grows with the log, and what does not.

Fills a ledger of each size through the real writer, in a data folder of its own, and asks all of them the
same, round by round and size by size, so that what disturbs one disturbs all. Bookings that are asked for
come from all of the log. Ten million events take some 20 minutes to fill and 15 GB of disk.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from loguru import logger
from psycopg import AsyncConnection
from rich.console import Console
from rich.table import Table

import projections.availability
import projections.bookings
from api.commands import render
from bench import servers
from bench.audit import command
from bench.footprint import children, own_memory_bytes, processes
from bench.load import LONG, OPERATOR, PRICE, client, load
from bench.report import WIDTH_PIPED, settings
from domain.commands import FLIGHT_SEATS_MAX, InitiateBooking, PayBooking, ScheduleFlight
from ledger import log
from ledger.ledger import Ledger, open_ledger
from ledger.postgres import remove_database, running_database
from ledger.schema import migrate
from ledger.settings import Settings
from ledger.submission import Answer, Submission
from projections.bookings import BookingSearch
from scheduler.sweeper import expire_holds

DEFAULT_OUT = Path(__file__).with_name("results") / "growth.json"
SIZES = "10000,1000000"
TRIES = 100
"""Of each kind in each round."""

DUE, DUE_AT_ONCE = 10_000, 500
SHARE_MAX = 1.15
"""What a command or a point query may cost at most, against the smallest ledger."""

Ask = Callable[[AsyncConnection[Any], "Booking"], Awaitable[Any]]


class Booking(NamedTuple):
    id: UUID
    flight_id: UUID
    user_id: str
    position: int


class Ground(NamedTuple):
    """One ledger: its data folder, and some of its bookings from all of its log."""

    events: int
    data: Path
    url: str
    bookings: list[Booking]


QUERIES: dict[str, Ask] = {
    "availability": lambda connection, one: projections.availability.find(connection, one.flight_id),
    "booking by id": lambda connection, one: projections.bookings.find(connection, one.id),
    "history": lambda connection, one: log.stream(connection, one.id),
    "list by user": lambda connection, one: projections.bookings.page(
        connection, BookingSearch(user_id=one.user_id), None, 50
    ),
    "seats in the past": lambda connection, one: log.live_at(connection, one.flight_id, one.position),
}


@contextmanager
def grown(sizes: Sequence[int]) -> Iterator[list[Ground]]:
    with ExitStack() as stack:
        grounds = []
        for size in sizes:
            name = tempfile.TemporaryDirectory(prefix="seatledger-bench-", ignore_cleanup_errors=True)
            data = Path(stack.enter_context(name))
            data.chmod(0o755)
            stack.callback(remove_database, data)
            with running_database(None, data) as url:
                migrate(url)
                began = time.monotonic()
                events = asyncio.run(load(url, size))
                print(f"{events} events loaded in {time.monotonic() - began:.0f} s", file=sys.stderr)
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute("vacuum analyze")
                    grounds.append(Ground(events, data, url, _bookings(connection, events)))
        yield grounds


def _bookings(connection: psycopg.Connection[Any], events: int) -> list[Booking]:
    found = connection.execute(
        "select b.id, b.flight_id, b.user_id, e.position from ledger.events as e"
        " join views.bookings as b on b.id = e.originator_id where e.position = any(%s)",
        (random.sample(range(1, events), min(events - 1, 50 * TRIES)),),
    )
    return [Booking(*row) for row in found]


async def measure(ground: Ground) -> dict[str, float]:
    """Milliseconds of each kind, medians; commands a second where many are in flight."""
    found: dict[str, float] = {}
    async with open_ledger(ground.url, LONG) as ledger:
        some = random.sample(ground.bookings, TRIES)
        flights = await _fresh_flights(ledger)
        made = await _each(ledger, [_hold(random.choice(flights), n) for n in range(TRIES)], found, "create")
        pays = [_pay(answer.subject_id, n) for n, answer in enumerate(made) if answer.subject_id]
        await _each(ledger, pays, found, "pay")
        async with ledger.read() as connection:
            for name, ask in QUERIES.items():
                times = []
                for booking in some:
                    began = time.perf_counter()
                    await ask(connection, booking)
                    times.append(time.perf_counter() - began)
                found[name] = median(times) * 1e3
        began = time.perf_counter()
        for _ in range(10):
            await asyncio.gather(*(ledger.submit(_hold(random.choice(flights), n)) for n in range(64)))
        found["create, 64 in flight"] = (time.perf_counter() - began) / 640 * 1e3
    return found


async def sweep(ground: Ground) -> float:
    """Seconds to expire DUE holds."""
    async with open_ledger(ground.url, Settings(hold_seconds=1)) as hasty:
        flights = await _fresh_flights(hasty)
        for _ in range(0, DUE, DUE_AT_ONCE):
            holds = [_hold(random.choice(flights), number) for number in range(DUE_AT_ONCE)]
            await hasty.submit_all(holds, atomic=False)
        await asyncio.sleep(1.1)
        began = time.perf_counter()
        expired = await expire_holds(hasty)
        # Some seats were taken from holds that had run out meanwhile.
        return (time.perf_counter() - began) * DUE / max(expired, 1)


def restart(ground: Ground) -> tuple[float, dict[str, int]]:
    """Seconds from nothing to ready, database and all; and the memory of each Python process after that."""
    began = time.perf_counter()
    up = ("cli.main", "up", "--data", str(ground.data))
    with servers.running(*up, log=ground.data / "up.log"):
        seconds = time.perf_counter() - began
        mine = [process for child in children(os.getpid()) for process in processes(child)]
        memory = {_name(process): own_memory_bytes(process) for process in mine}
    return seconds, memory


def _name(process: int) -> str:
    words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
    return f"{' '.join(words[1:5])} ({process})"


async def _fresh_flights(ledger: Ledger) -> list[UUID]:
    """Large ones, so that seats never run out."""
    made = []
    for _ in range(20):
        departs = datetime.now(UTC) + timedelta(days=random.randint(100, 900))
        flight = ScheduleFlight(
            f"ZZ{random.randint(1, 9999)}",
            "LHR",
            "JFK",
            departs,
            departs + timedelta(hours=8),
            FLIGHT_SEATS_MAX,
            PRICE,
        )
        made.append(await ledger.submit(Submission(flight, OPERATOR, render)))
    return [answer.subject_id for answer in made if answer.subject_id]


def _hold(flight_id: UUID, number: int) -> Submission:
    user = f"customer-{number}"
    return Submission(InitiateBooking(flight_id, user, 1), client(user), render)


def _pay(booking_id: UUID, number: int) -> Submission:
    user = f"customer-{number}"
    return Submission(PayBooking(booking_id, user, PRICE.as_money()), client(user), render)


async def _each(
    ledger: Ledger, submissions: Sequence[Submission], found: dict[str, float], name: str
) -> list[Answer]:
    times, answers = [], []
    for submission in submissions:
        began = time.perf_counter()
        answers.append(await ledger.submit(submission))
        times.append(time.perf_counter() - began)
    found[name] = median(times) * 1e3
    return answers


def show(results: Mapping[str, Any]) -> None:
    sizes = list(results["sizes"])
    table = Table(
        title=f"medians of {len(results['rounds'])} rounds; x: against the smallest", title_style=""
    )
    for heading in ("", *(f"{int(size):,} events" for size in sizes)):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for kind in results["rounds"][0][sizes[0]]:
        cells = []
        for size in sizes:
            here = median(one[size][kind] for one in results["rounds"])
            ratio = median(one[size][kind] / one[sizes[0]][kind] for one in results["rounds"])
            cells.append(f"{here:.2f} ms  {ratio:.2f} x{' !' if ratio > SHARE_MAX else ''}")
        table.add_row(kind, *cells)
    for kind in results["sizes"][sizes[0]]:
        table.add_row(kind, *(str(results["sizes"][size][kind]) for size in sizes))
    Console(width=None if sys.stdout.isatty() else WIDTH_PIPED).print(table)


def once(ground: Ground) -> dict[str, Any]:
    """What is measured once for each size."""
    with running_database(None, ground.data) as url:
        swept = asyncio.run(sweep(ground._replace(url=url)))
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "select pg_database_size(current_database()), (select count(*) from views.bookings),"
                " (select max(position) from ledger.events)"
            ).fetchone()
        assert row
        verified = command(url, row[2], "cli.main", "verify", "--json")
    ready, memory = restart(ground)
    return {
        f"sweep of {DUE} due holds, s": round(swept, 2),
        "verify, events/s": round(verified.events_per_second),
        "verify, all processes, MB": round(verified.memory_bytes / 1e6),
        "bytes a booking on disk": row[0] // row[1],
        "start until ready, s": round(ready, 2),
        "largest process, MB": round(max(memory.values()) / 1e6),
        "all processes, MB": round(sum(memory.values()) / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help=f"events, smallest first ({SIZES})")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    logger.remove()
    with grown([int(size) for size in options.sizes.split(",")]) as grounds:
        with ExitStack() as stack:
            open_grounds = [
                ground._replace(url=stack.enter_context(running_database(None, ground.data)))
                for ground in grounds
            ]
            rounds = [
                {str(ground.events): asyncio.run(measure(ground)) for ground in open_grounds}
                for _ in range(options.rounds)
            ]
        sizes = {str(ground.events): once(ground) for ground in grounds}
    results = {"settings": settings(vars(options)), "rounds": rounds, "sizes": sizes}
    show(results)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
