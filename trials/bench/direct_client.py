"""Client that books through a ledger's writer, without HTTP."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.http.commands import render
from domain.caller import Caller, Role
from domain.commands import InitiateBooking, Price, ScheduleFlight
from ledger.ledger import Ledger
from ledger.submission import Submission
from runtime.settings import Settings
from trials.bench.pgbench import BookingPace, pace_of

OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
SEATS = 1_000
RATE_MAX = 30_000
"""Highest supported bookings per second; it sets the number of seats. A refusal ends the run."""

CUSTOMERS = 1_000
"""Number of customers, reused in turn. Their names are sealed, as in the program."""


def settings(master: bytes) -> Settings:
    """Return settings with holds that outlast the benchmark."""
    return Settings(hold_seconds=86_400, deadline_seconds=30, master_key=master)


class DirectClient:
    """Books through a ledger's writer, with the answers of the HTTP API. Every booking has a key."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._flights = 0
        self._made = 0

    async def schedule(self, flights: int) -> list[UUID]:
        """Schedule new flights and return their ids."""
        departs = datetime.now(UTC) + timedelta(days=300)

        async def one(number: int) -> UUID:
            day = departs + timedelta(days=number // 9_999)
            arrives = day + timedelta(hours=2)
            command = ScheduleFlight(
                f"SL{number % 9_999 + 1}", "DEL", "BOM", day, arrives, SEATS, Price(4_500_00, "INR")
            )
            answer = await self._ledger.submit(Submission(command, OPERATOR, render))
            assert answer.subject_id, answer
            return answer.subject_id

        first, self._flights = self._flights, self._flights + flights
        made: list[UUID] = []
        for begin in range(first, self._flights, 500):
            made += await asyncio.gather(*(one(n) for n in range(begin, min(begin + 500, self._flights))))
        return made

    async def book(self, flights: Iterator[UUID], in_flight: int, seconds: float) -> BookingPace:
        """Book with `in_flight` concurrent callers. Raises RuntimeError on a refusal."""
        times: list[float] = []
        began = time.perf_counter()
        until = began + seconds

        async def customer() -> None:
            while (started := time.perf_counter()) < until:
                self._made += 1
                user = f"passenger-{self._made % CUSTOMERS}"
                command = InitiateBooking(next(flights), user, 1)
                caller = Caller(user, frozenset({Role.CLIENT}))
                answer = await self._ledger.submit(Submission(command, caller, render, f"key-{self._made}"))
                if answer.status != 201:
                    raise RuntimeError(answer.body.decode())
                times.append(time.perf_counter() - started)

        await asyncio.gather(*(customer() for _ in range(in_flight)))
        return pace_of(times, time.perf_counter() - began)


def one_by_one(flights: Sequence[UUID]) -> Iterator[UUID]:
    """Yield one flight until it is full, then the next."""
    for flight in flights:
        for _ in range(SEATS):
            yield flight


def some_at_once(flights: Sequence[UUID], at_once: int) -> Iterator[UUID]:
    """Yield `at_once` flights in turn until they are full, then the next ones."""
    for first in range(0, len(flights), at_once):
        for _ in range(SEATS):
            yield from flights[first : first + at_once]
