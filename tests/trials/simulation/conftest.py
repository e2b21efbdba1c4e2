"""Two stores with one interface, the real one on PostgreSQL and its twin; tests run on both."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from database.connection import connect, connect_sync
from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from domain.commands.waiting import JoinWaitlist
from domain.working_set import Terms
from ledger.block import Block
from ledger.store import Store
from ledger.submission import Answer, Submission, render_plain
from ledger.writer import BlockStore
from tests.waiting import await_until
from trials.simulation.database import Database
from trials.simulation.store import open_twin

OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
CAPTURE_WINDOW = timedelta(minutes=15)
OFFER_WINDOW = timedelta(minutes=10)
HOLD = timedelta(minutes=5)
DEPARTS = datetime(2040, 1, 1, tzinfo=UTC)

Open = Callable[[timedelta, float], Awaitable[BlockStore]]


@dataclass
class Bench:
    """Opens stores on one database, and reads its views."""

    _open: Open
    views: Callable[[], tuple[list[Any], list[Any], list[Any], list[Any]]]
    _lock_waiters: Callable[[], int]
    _stores: AsyncExitStack

    async def wait_for_lock_waiter(self) -> None:
        """Wait until a store waits for the head lock."""
        await await_until(lambda: self._lock_waiters() > 0)

    async def open(self, hold: timedelta = HOLD, transaction_seconds: float = 5.0) -> BlockStore:
        store = await self._open(hold, transaction_seconds)
        self._stores.push_async_callback(store.close)
        return store

    async def commit(self, *submissions: Submission, hold: timedelta = HOLD) -> list[Answer]:
        """Commit by a store of its own, which is then closed."""
        store = await self._open(hold, 5.0)
        try:
            block = Block(await store.load(submissions))
            answers = [block.decide(submission) for submission in submissions]
            await store.write(block)
            return answers
        finally:
            await store.close()

    async def flight(self, seats: int = 5, number: str = "BA117") -> UUID:
        (answer,) = await self.commit(asks(scheduling(number, seats)))
        assert answer.subject_id is not None
        return answer.subject_id

    async def wait(self, flight_id: UUID, user: str, seats: int) -> UUID:
        (answer,) = await self.commit(asks(JoinWaitlist(flight_id, user, seats)))
        assert answer.subject_id is not None, answer
        return answer.subject_id

    async def hold(self, flight_id: UUID, seats: int = 1, due_for: float | None = None) -> UUID:
        """Make a hold; with `due_for`, one that ended so many seconds before it began."""
        hold = HOLD if due_for is None else timedelta(seconds=-due_for)
        (answer,) = await self.commit(asks(InitiateBooking(flight_id, "alice", seats)), hold=hold)
        assert answer.subject_id is not None, answer
        return answer.subject_id


def asks(command: Command, **given: Any) -> Submission:
    return Submission(command, OPERATOR, render_plain, **given)


def scheduling(number: str = "BA117", seats: int = 5) -> ScheduleFlight:
    price = Price(100, "INR")
    return ScheduleFlight(number, "LHR", "JFK", DEPARTS, DEPARTS + timedelta(hours=8), seats, price)


@pytest.fixture(params=["postgres", "twin"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stores:
        make = _real if request.param == "postgres" else _twin
        yield make(request, stores)


def _real(request: pytest.FixtureRequest, stores: AsyncExitStack) -> Bench:
    url: str = request.getfixturevalue("database_url")

    async def opened(hold: timedelta, transaction_seconds: float) -> BlockStore:
        store = Store(await connect(url, "bench"), Terms(hold, CAPTURE_WINDOW, OFFER_WINDOW))
        await store.prepare(transaction_seconds)
        return store

    def views() -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        with connect_sync(url, "test") as connection:
            connection.execute("set timezone to 'UTC'")
            flights = connection.execute(projections.flights.TABLE.every_row).fetchall()
            bookings = connection.execute(projections.bookings.TABLE.every_row).fetchall()
            refunds = connection.execute(projections.refunds.TABLE.every_row).fetchall()
            return (
                flights,
                bookings,
                refunds,
                connection.execute(projections.waiting.TABLE.every_row).fetchall(),
            )

    def lock_waiters() -> int:
        with connect_sync(url, "test") as connection:
            return connection.execute(_LOCK_WAITERS).rowcount

    return Bench(opened, views, lock_waiters, stores)


_LOCK_WAITERS = """
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""


def _twin(request: pytest.FixtureRequest, stores: AsyncExitStack) -> Bench:
    database = Database()

    async def opened(hold: timedelta, transaction_seconds: float) -> BlockStore:
        return open_twin(database, Terms(hold, CAPTURE_WINDOW, OFFER_WINDOW), transaction_seconds)

    def views() -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        refunds = sorted(database.refunds.values(), key=lambda row: (row[1], row[0]))
        flights, bookings = sorted(database.flights.values()), sorted(database.bookings.values())
        return flights, bookings, refunds, sorted(database.waiting.values())

    return Bench(opened, views, lambda: len(database._lock_queue), stores)
