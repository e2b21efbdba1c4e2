"""A ledger on a fresh database, and the commands of the tests of views."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.caller import SYSTEM
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from domain.commands.payments import PayBooking
from domain.money import Money
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Submission, render_plain
from runtime.settings import Settings

DEPARTURE = datetime(2040, 5, 17, 22, 45, tzinfo=UTC)


@dataclass
class LedgerDriver:
    """Submits commands to a ledger, and statements to its database."""

    ledger: Ledger
    database_url: str

    async def do(self, command: Command) -> UUID:
        answer = await self.ledger.submit(Submission(command, SYSTEM, render_plain))
        assert answer.subject_id, answer.body
        return answer.subject_id

    async def schedule(self, number: str = "BA117", seats: int = 10, price: int = 100) -> UUID:
        times = DEPARTURE, DEPARTURE + timedelta(hours=7)
        return await self.do(ScheduleFlight(number, "LHR", "JFK", *times, seats, Price(price, "INR")))

    async def hold(self, flight: UUID, user: str = "alice", seats: int = 1) -> UUID:
        return await self.do(InitiateBooking(flight, user, seats))

    async def pay(self, booking: UUID, cost: int, user: str = "alice") -> UUID:
        return await self.do(PayBooking(booking, user, Money(cost, "INR")))

    async def cancel(self, booking: UUID) -> UUID:
        return await self.do(CancelBooking(booking))

    async def sql(self, statement: str, *parameters: Any) -> None:
        """Run a statement with the rights of the owner of the database, which exceed those of the program."""
        async with await psycopg.AsyncConnection.connect(self.database_url, autocommit=True) as connection:
            await connection.execute(statement.encode(), parameters)


@pytest.fixture
async def driver(database_url: str) -> AsyncIterator[LedgerDriver]:
    async with open_ledger(database_url, Settings()) as ledger:
        yield LedgerDriver(ledger, database_url)
