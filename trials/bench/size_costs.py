"""Time commands and point queries on ledgers of several sizes, in turn.

Alternating between the ledgers spreads disturbances of the machine evenly.
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
from ledger.people import pseudonyms_of
from ledger.submission import Answer, Submission
from projections.bookings import BookingSearch
from trials.bench.load import OPERATOR, PRICE, client, long_hold_settings
from trials.bench.sized_ledgers import SampleBooking, SizedLedger

CROWD = 64
"""Concurrent bookings of the crowd case."""

CROWD_TRIES = 8
"""Tries of the other cases per try of the crowd case."""

PAGE = 50


class LedgerProbe:
    """Runs the cases on one ledger. `number` counts the tries of a case."""

    def __init__(self, ledger: Ledger, bookings: Sequence[SampleBooking]) -> None:
        self._ledger = ledger
        self._bookings = bookings
        self._sample: list[SampleBooking] = []
        self._flights: list[UUID] = []
        self._created: list[UUID] = []

    async def prepare(self, tries: int) -> None:
        """Choose bookings to read, and schedule flights with enough seats, for a round."""
        self._sample, self._created = random.choices(self._bookings, k=tries), []
        self._flights = await fresh_flights(self._ledger, 3)

    async def create(self, number: int) -> None:
        answer = await self._ledger.submit(hold(random.choice(self._flights), number))
        assert answer.subject_id, answer
        self._created.append(answer.subject_id)

    async def pay(self, number: int) -> None:
        user = f"customer-{number}"
        pay = PayBooking(self._created[number], user, PRICE.as_money())
        _accepted(await self._ledger.submit(Submission(pay, client(user), render)))

    async def cancel(self, number: int) -> None:
        command = CancelBooking(self._created[number], "plans have changed")
        _accepted(await self._ledger.submit(Submission(command, client(f"customer-{number}"), render)))

    async def create_64(self, number: int) -> None:
        holds = [hold(random.choice(self._flights), number) for number in range(CROWD)]
        for answer in await asyncio.gather(*map(self._ledger.submit, holds)):
            _accepted(answer)

    async def availability(self, number: int) -> None:
        assert (await self._ledger.availability.find(self._sample[number].flight_id)).value

    async def booking(self, number: int) -> None:
        assert (await self._ledger.bookings.find(self._sample[number].id)).value

    async def history(self, number: int) -> None:
        assert history.build_history((await self._ledger.streams.find(self._sample[number].id)).value)

    async def by_user(self, number: int) -> None:
        name = self._sample[number].user
        async with self._ledger.read() as connection:
            persons = await pseudonyms_of(connection, self._ledger.keyring, [name])
            search = BookingSearch(user_id=persons[name])
            assert len((await projections.bookings.page(connection, search, None, PAGE)).value) == 1

    async def seats_in_the_past(self, number: int) -> None:
        one = self._sample[number]
        async with self._ledger.read() as connection:
            assert (await log.read_live_events(connection, one.flight_id, one.position))[1]


Case = Callable[[LedgerProbe, int], Awaitable[None]]

KINDS: dict[str, Case] = {
    "create": LedgerProbe.create,
    "pay": LedgerProbe.pay,
    "cancel": LedgerProbe.cancel,
    f"create, {CROWD} at a time": LedgerProbe.create_64,
    "availability": LedgerProbe.availability,
    "booking by id": LedgerProbe.booking,
    "history": LedgerProbe.history,
    "list by user": LedgerProbe.by_user,
    "seats in the past": LedgerProbe.seats_in_the_past,
}


async def measure(
    ledgers: Sequence[SizedLedger], rounds: int, tries: int
) -> list[dict[str, dict[str, float]]]:
    """Return median milliseconds by size and case, per round. A first round warms up and is left out."""
    async with AsyncExitStack() as stack:
        probes = {
            str(ledger.events): LedgerProbe(
                await stack.enter_async_context(open_ledger(ledger.url, long_hold_settings(ledger.master))),
                ledger.bookings,
            )
            for ledger in ledgers
        }
        return [await _round(probes, tries) for _ in range(rounds + 1)][1:]


async def _round(probes: dict[str, LedgerProbe], tries: int) -> dict[str, dict[str, float]]:
    for probe in probes.values():
        await probe.prepare(tries)
    found: dict[str, dict[str, float]] = {size: {} for size in probes}
    for kind, case in KINDS.items():
        times: dict[str, list[float]] = {size: [] for size in probes}
        for number in range(tries // CROWD_TRIES if case is LedgerProbe.create_64 else tries):
            for size in random.sample(list(probes), len(probes)):
                began = time.perf_counter()
                await case(probes[size], number)
                times[size].append(time.perf_counter() - began)
        for size, taken in times.items():
            found[size][kind] = median(taken) * 1e3
    return found


async def fresh_flights(ledger: Ledger, count: int) -> list[UUID]:
    """Schedule flights with the maximum number of seats."""
    flights = []
    for _ in range(count):
        departs = datetime.now(UTC) + timedelta(
            days=random.randint(100, 900), seconds=random.randrange(86_400)
        )
        arrives, number = departs + timedelta(hours=8), f"ZZ{random.randint(1, 9999)}"
        flight = ScheduleFlight(number, "LHR", "JFK", departs, arrives, FLIGHT_SEATS_MAX, PRICE)
        answer = await ledger.submit(Submission(flight, OPERATOR, render))
        assert answer.subject_id, answer
        flights.append(answer.subject_id)
    return flights


def hold(flight_id: UUID, number: int) -> Submission:
    user = f"customer-{number}"
    return Submission(InitiateBooking(flight_id, user, 1), client(user), render)


def _accepted(answer: Answer) -> None:
    assert answer.status < 300, answer
