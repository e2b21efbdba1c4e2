"""What ledgers of all sizes are asked: commands and point queries, of each kind one ledger after another.

By turns, so that whatever else the machine does meanwhile is done to all of them alike.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

import projections.bookings
from api.http.commands import render
from api.resources import history
from domain.commands import FLIGHT_SEATS_MAX, CancelBooking, InitiateBooking, PayBooking, ScheduleFlight
from ledger import log
from ledger.ledger import Ledger, open_ledger
from ledger.people import recorded_as
from ledger.submission import Answer, Submission
from projections.bookings import BookingSearch
from trials.bench.grown import Booking, Ground
from trials.bench.load import OPERATOR, PRICE, client, long

CROWD = 64
"""Bookings at a time."""

CROWD_TRIES = 8
"""Tries of all else for one with a crowd."""

PAGE = 50


class Counter:
    """Where one ledger is asked; `number` counts the tries of a kind."""

    def __init__(self, ledger: Ledger, bookings: Sequence[Booking]) -> None:
        self._ledger = ledger
        self._bookings = bookings
        self._some: list[Booking] = []
        self._flights: list[UUID] = []
        self._made: list[UUID] = []

    async def prepare(self, tries: int) -> None:
        """For a round: other bookings of the log to look at, and flights with seats for all who come."""
        self._some, self._made = random.choices(self._bookings, k=tries), []
        self._flights = await fresh_flights(self._ledger, 3)

    async def create(self, number: int) -> None:
        answer = await self._ledger.submit(hold(random.choice(self._flights), number))
        assert answer.subject_id, answer
        self._made.append(answer.subject_id)

    async def pay(self, number: int) -> None:
        user = f"customer-{number}"
        pay = PayBooking(self._made[number], user, PRICE.as_money())
        _accepted(await self._ledger.submit(Submission(pay, client(user), render)))

    async def cancel(self, number: int) -> None:
        command = CancelBooking(self._made[number], "plans have changed")
        _accepted(await self._ledger.submit(Submission(command, client(f"customer-{number}"), render)))

    async def create_64(self, number: int) -> None:
        holds = [hold(random.choice(self._flights), number) for number in range(CROWD)]
        for answer in await asyncio.gather(*map(self._ledger.submit, holds)):
            _accepted(answer)

    async def availability(self, number: int) -> None:
        assert (await self._ledger.availability.find(self._some[number].flight_id)).value

    async def booking(self, number: int) -> None:
        assert (await self._ledger.bookings.find(self._some[number].id)).value

    async def history(self, number: int) -> None:
        assert history.build_history((await self._ledger.streams.find(self._some[number].id)).value)

    async def by_user(self, number: int) -> None:
        name = self._some[number].user
        async with self._ledger.read() as connection:
            persons = await recorded_as(connection, self._ledger.keyring, [name])
            search = BookingSearch(user_id=persons[name])
            assert len((await projections.bookings.page(connection, search, None, PAGE)).value) == 1

    async def seats_in_the_past(self, number: int) -> None:
        one = self._some[number]
        async with self._ledger.read() as connection:
            assert (await log.read_live_events(connection, one.flight_id, one.position))[1]


Ask = Callable[[Counter, int], Awaitable[None]]

KINDS: dict[str, Ask] = {
    "create": Counter.create,
    "pay": Counter.pay,
    "cancel": Counter.cancel,
    f"create, {CROWD} at a time": Counter.create_64,
    "availability": Counter.availability,
    "booking by id": Counter.booking,
    "history": Counter.history,
    "list by user": Counter.by_user,
    "seats in the past": Counter.seats_in_the_past,
}


async def measure(grounds: Sequence[Ground], rounds: int, tries: int) -> list[dict[str, dict[str, float]]]:
    """Milliseconds of each kind by events, medians of so many tries; the first round only warms, and is
    left out."""
    async with AsyncExitStack() as stack:
        counters = {
            str(ground.events): Counter(
                await stack.enter_async_context(open_ledger(ground.url, long(ground.master))), ground.bookings
            )
            for ground in grounds
        }
        return [await _round(counters, tries) for _ in range(rounds + 1)][1:]


async def _round(counters: dict[str, Counter], tries: int) -> dict[str, dict[str, float]]:
    for counter in counters.values():
        await counter.prepare(tries)
    found: dict[str, dict[str, float]] = {size: {} for size in counters}
    for kind, ask in KINDS.items():
        times: dict[str, list[float]] = {size: [] for size in counters}
        for number in range(tries // CROWD_TRIES if ask is Counter.create_64 else tries):
            for size in random.sample(list(counters), len(counters)):
                began = time.perf_counter()
                await ask(counters[size], number)
                times[size].append(time.perf_counter() - began)
        for size, taken in times.items():
            found[size][kind] = median(taken) * 1e3
    return found


async def fresh_flights(ledger: Ledger, count: int) -> list[UUID]:
    """The largest there can be."""
    made = []
    for _ in range(count):
        departs = datetime.now(UTC) + timedelta(
            days=random.randint(100, 900), seconds=random.randrange(86_400)
        )
        arrives, number = departs + timedelta(hours=8), f"ZZ{random.randint(1, 9999)}"
        flight = ScheduleFlight(number, "LHR", "JFK", departs, arrives, FLIGHT_SEATS_MAX, PRICE)
        answer = await ledger.submit(Submission(flight, OPERATOR, render))
        assert answer.subject_id, answer
        made.append(answer.subject_id)
    return made


def hold(flight_id: UUID, number: int) -> Submission:
    user = f"customer-{number}"
    return Submission(InitiateBooking(flight_id, user, 1), client(user), render)


def _accepted(answer: Answer) -> None:
    assert answer.status < 300, answer
