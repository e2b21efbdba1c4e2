"""Time commands and point queries on ledgers of several sizes, in turn.

Alternating between the ledgers spreads disturbances of the machine evenly.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from statistics import median
from uuid import UUID

import projections.booking_lists
from api.http.commands import render
from api.resources import history
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.fields import FLIGHT_SEATS_MAX
from domain.commands.payments import PayBooking
from ledger import log
from ledger.ledger import Ledger
from ledger.people import pseudonyms_of
from ledger.submission import Submission
from projections.booking_lists import BookingSearch
from trials.bench.direct_client import PRICE, client, schedule
from trials.bench.fresh import BenchLedger
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
        self._flights = await schedule(self._ledger, 3, FLIGHT_SEATS_MAX)

    async def create(self, number: int) -> None:
        self._created.append(await self._hold(number))

    async def pay(self, number: int) -> None:
        user = f"customer-{number}"
        await self._submit(PayBooking(self._created[number], user, PRICE.as_money()), user)

    async def cancel(self, number: int) -> None:
        await self._submit(CancelBooking(self._created[number], "plans have changed"), f"customer-{number}")

    async def create_64(self, number: int) -> None:
        await asyncio.gather(*map(self._hold, range(CROWD)))

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
            assert len((await projections.booking_lists.page(connection, search, None, PAGE)).value) == 1

    async def seats_in_the_past(self, number: int) -> None:
        one = self._sample[number]
        async with self._ledger.read() as connection:
            assert (await log.read_live_events(connection, one.flight_id, one.position))[1]

    async def _hold(self, number: int) -> UUID:
        user = f"customer-{number}"
        return await self._submit(InitiateBooking(random.choice(self._flights), user, 1), user)

    async def _submit(self, command: Command, user: str) -> UUID:
        answer = await self._ledger.submit(Submission(command, client(user), render))
        assert answer.status < 300, answer
        assert answer.subject_id
        return answer.subject_id


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
    grown: Sequence[SizedLedger], running: Sequence[BenchLedger], rounds: int, tries: int
) -> list[dict[str, dict[str, float]]]:
    """Return median milliseconds by size and case, per round. A first round warms up and is left out."""
    async with AsyncExitStack() as stack:
        probes = {
            str(sized.events): LedgerProbe(await stack.enter_async_context(ledger.open()), sized.bookings)
            for sized, ledger in zip(grown, running, strict=True)
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
