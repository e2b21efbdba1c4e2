"""Callers that submit commands to a ledger's writer without HTTP, with the answers of the HTTP API."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from api.http.commands import render
from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from ledger.ledger import Ledger
from ledger.submission import Answer, Submission
from trials.bench.pace import Pace, pace_of

OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
SEATS = 1_000
RATE_MAX = 30_000
"""Highest supported bookings per second; it sets the number of seats. A refusal ends the run."""

CUSTOMERS = 10_000
"""Number of customers, reused in turn. Their names are sealed, as in the program."""

AT_ONCE = 1_000
"""Number of commands that are submitted together."""

PRICE = Price(100_00, "INR")
AIRPORTS = ("AMS", "BOM", "CDG", "DEL", "DXB", "FRA", "JFK", "LHR", "SIN", "SYD")

_numbers = count()
_keys = count(time.time_ns())  # another process books in the same ledgers with keys of its own


def client(user: str) -> Caller:
    return Caller(user, frozenset({Role.CLIENT}))


async def submit(ledger: Ledger, commands: Sequence[tuple[Command, Caller]]) -> list[Answer]:
    """Submit the commands in large blocks. Raises RuntimeError on a 5xx answer."""
    answers: list[Answer] = []
    for first in range(0, len(commands), AT_ONCE):
        block = [
            Submission(command, caller, render, correlation_id=f"load-{random.getrandbits(64):x}")
            for command, caller in commands[first : first + AT_ONCE]
        ]
        answers += await ledger.submit_all(block, atomic=False)
    if any(answer.status >= 500 for answer in answers):
        raise RuntimeError(f"the ledger failed: {answers[-1]}")
    return answers


async def schedule(ledger: Ledger, flights: int, seats: int = SEATS) -> list[UUID]:
    """Schedule new flights and return their ids."""
    first_day = datetime.now(UTC) + timedelta(days=40)

    def flight(number: int) -> ScheduleFlight:
        origin, destination = random.sample(AIRPORTS, 2)
        departs = first_day + timedelta(days=number // 9_000)
        arrives = departs + timedelta(hours=random.randint(1, 14))
        return ScheduleFlight(f"BA{number % 9_000 + 1}", origin, destination, departs, arrives, seats, PRICE)

    answers = await submit(ledger, [(flight(next(_numbers)), OPERATOR) for _ in range(flights)])
    ids = [answer.subject_id for answer in answers if answer.subject_id]
    if len(ids) < flights:
        raise RuntimeError(f"a flight was refused: {answers[-1]}")
    return ids


async def book(ledger: Ledger, flights: Iterator[UUID], in_flight: int, seconds: float) -> Pace:
    """Book with `in_flight` concurrent callers, each with keys. Raises RuntimeError on a refusal."""
    times: list[float] = []
    began = time.perf_counter()
    until = began + seconds

    async def book_repeatedly() -> None:
        while (started := time.perf_counter()) < until:
            number = next(_keys)
            user = f"passenger-{number % CUSTOMERS}"
            command = InitiateBooking(next(flights), user, 1)
            answer = await ledger.submit(Submission(command, client(user), render, f"key-{number}"))
            if answer.status != 201:
                raise RuntimeError(answer.body.decode())
            times.append(time.perf_counter() - started)

    await asyncio.gather(*(book_repeatedly() for _ in range(in_flight)))
    return pace_of(times, time.perf_counter() - began)


def seats_of(flights: Sequence[UUID], at_once: int = 1) -> Iterator[UUID]:
    """Yield `at_once` flights in turn until they are full, then the next ones."""
    for first in range(0, len(flights), at_once):
        for _ in range(SEATS):
            yield from flights[first : first + at_once]
