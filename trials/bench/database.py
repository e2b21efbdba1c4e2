"""What a command costs PostgreSQL: instructions, index entries, and bytes of the write-ahead log.

Runs the server under valgrind, which counts the instructions of each session. Other load on the machine
hardly changes them. Fills a ledger first, and then sends blocks of a known size.
"""

import asyncio
import shutil
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count, cycle
from typing import Any, NamedTuple
from uuid import UUID

from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from api.http.commands import render
from database.connection import connect
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.payments import PayBooking
from domain.money import Money
from ledger.ledger import Ledger
from ledger.submission import Submission
from trials.bench import wal
from trials.bench.counted_server import SessionInstructions, counted_ledger
from trials.bench.direct_client import PRICE, SEATS, client, schedule, submit
from trials.bench.fresh import BenchLedger
from trials.bench.load import load
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.tables import ResultTable

WARM = 8
"""Blocks of each session that are subtracted: they take its start, and the plans of its statements."""

FLIGHTS = 16

USERS = [f"passenger-{number}" for number in range(5_000)]
"""Customers that the ledger knows before, so that no booking seals a name. Fewer would each have
more unpaid seats, which every new hold sums up."""

Made = tuple[UUID, str]
"""A booking and its user."""


class Case(NamedTuple):
    commands: str
    at_once: int

    @property
    def title(self) -> str:
        return f"{self.commands}, {self.at_once} in a block"


class Costs:
    """Measures cases one after another in one ledger; payments and cancellations are of its own bookings."""

    def __init__(self, fresh: BenchLedger, counts: SessionInstructions, flights: Sequence[UUID]) -> None:
        self._fresh = fresh
        self._counts = counts
        self._flights = cycle(flights)
        self._unpaid: deque[Made] = deque()
        self._paid: deque[Made] = deque()
        self._numbers = count()
        self._users = cycle(USERS)

    async def measure(self, case: Case, commands: int) -> dict[str, Any]:
        """Return the costs of one command."""
        blocks = -(-commands // case.at_once)
        warm, _ = await self._session(case, 0)
        whole, written = await self._session(case, blocks)
        each = blocks * case.at_once
        return {
            "instructions": (whole - warm) / each,
            "bytes": sum(size for _, size in written.values()) / each,
            "written": {name: (entries / each, size / each) for name, (entries, size) in written.items()},
        }

    async def follow(self) -> float:
        """Return the instructions that bring all facts up to the head of the log."""
        instructions = [await self._advance() for _ in range(2)]
        return float(instructions[0] - instructions[1])

    async def _advance(self) -> int:
        connection = await connect(self._fresh.url, "bench")
        for projection in PROJECTIONS.values():
            at = await advance(connection, projection, None, sys.maxsize)
            assert at
        return await self._ended(connection)

    async def _ended(self, connection: Any) -> int:
        process = connection.info.backend_pid
        await connection.close()
        return await asyncio.to_thread(self._counts.of, process)

    async def _session(self, case: Case, blocks: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """Return the instructions of a session, and what it wrote after its first blocks."""
        url = self._fresh.url
        async with self._fresh.open() as ledger:
            for _ in range(WARM):
                await self._block(ledger, case)
            first = wal.position(url)
            for _ in range(blocks):
                await self._block(ledger, case)
            last = wal.position(url)
            process = ledger._writer._store.connection.info.backend_pid  # type: ignore[union-attr]
            written = wal.written(url, first, last) if blocks else {}
        return await asyncio.to_thread(self._counts.of, process), written

    async def _block(self, ledger: Ledger, case: Case) -> None:
        commands = [self._command(case) for _ in range(case.at_once)]
        submissions = [
            Submission(command, client(user), render, f"key-{next(self._numbers)}")
            for command, user in commands
        ]
        answers = await asyncio.gather(*map(ledger.submit, submissions))
        if any(answer.status >= 400 for answer in answers):
            raise RuntimeError(answers[0].body.decode())
        if case.commands == "book":
            self._unpaid += [
                (answer.subject_id, user)
                for answer, (_, user) in zip(answers, commands, strict=True)
                if answer.subject_id
            ]

    def _command(self, case: Case) -> tuple[Command, str]:
        """Return the next command of the case, and its user."""
        match case.commands:
            case "book":
                user = next(self._users)
                return InitiateBooking(next(self._flights), user, 1), user
            case "pay":
                booking, user = self._unpaid.popleft()
                self._paid.append((booking, user))
                return PayBooking(booking, user, Money(PRICE.amount, PRICE.currency)), user
            case _:
                booking, user = self._paid.popleft()
                return CancelBooking(booking, "plans have changed"), user


def measure(options: Namespace) -> dict[str, Any]:
    """Measure nothing without valgrind, or for no commands."""
    if not options.commands or not shutil.which("valgrind"):
        return {"rounds": [], "checks": []}
    flights: list[UUID] = []
    with counted_ledger(lambda fresh: flights.extend(run(fill(fresh, options.events)))) as (fresh, counts):
        costs = Costs(fresh, counts, flights)
        return {"rounds": [run(measure_cases(costs, options.commands))], "checks": []}


async def fill(fresh: BenchLedger, events: int) -> list[UUID]:
    """Write at least so many events, and the names of all users. Return flights to book on."""
    if events:
        await load(fresh, events)
    async with fresh.open() as ledger:
        flights = await schedule(ledger, FLIGHTS)
        named = zip(cycle(await schedule(ledger, len(USERS) // SEATS)), USERS, strict=False)
        await submit(ledger, [(InitiateBooking(flight, user, 1), client(user)) for flight, user in named])
        return flights


async def measure_cases(costs: Costs, commands: int) -> dict[str, Any]:
    """Return the costs of each case, of so many commands; a lone caller sends an eighth of them."""
    found: dict[str, Any] = {}
    await costs.follow()
    for name in ("book", "pay", "cancel"):
        case = Case(name, 64)
        found[case.title] = await costs.measure(case, commands)
        each = -(-commands // 64) * 64 + 2 * WARM * 64
        found[case.title]["facts"] = await costs.follow() / each
    lone = Case("book", 1)
    found[lone.title] = await costs.measure(lone, commands // 8)
    return found


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    if not raw["rounds"]:
        return []
    (found,) = raw["rounds"]
    rows = [
        (
            case,
            f"{one['instructions']:,.0f}",
            f"{one['facts']:,.0f}" if "facts" in one else "",
            f"{one['bytes']:,.0f}",
        )
        for case, one in found.items()
    ]
    headings = ("", "instructions", "for facts", "bytes of WAL")
    costs = ResultTable("Costs of a command in PostgreSQL", headings, rows)
    details = [_written(case, one["written"]) for case, one in found.items()]
    return [costs, *details]


def _written(case: str, written: Mapping[str, tuple[float, float]]) -> ResultTable:
    ordered = sorted(written.items(), key=lambda pair: -pair[1][1])
    rows = [(name, f"{entries:.2f}", f"{size:,.0f}") for name, (entries, size) in ordered if size >= 1]
    return ResultTable(f"Written by a command: {case}", ("", "rows or entries", "bytes of WAL"), rows)


PART = Part(
    "database",
    __doc__,
    {
        "events": Option("events in the ledger before", 20_000, smoke=0),
        "commands": Option("commands of each case; 0: none", 640, smoke=0),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
