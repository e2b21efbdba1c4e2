"""A ledger on a fresh database, with people, one flight and the commands that tests submit."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from domain.commands.payments import PayBooking
from domain.money import Money
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Answer, Submission, render_plain
from runtime.settings import Settings

OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
SEAT = Price(100_00, "INR")


@dataclass
class Desk:
    """Submits commands like the API."""

    ledger: Ledger

    async def submit(self, command: Command, user: str | None = None, **submission: Any) -> Answer:
        caller = Caller(user, frozenset({Role.CLIENT})) if user else OPERATOR
        return await self.ledger.submit(Submission(command, caller, render_plain, **submission))

    async def schedule(self, number: str = "BA117", seats: int = 10) -> UUID:
        departs = datetime.now(UTC) + timedelta(days=30)
        answer = await self.submit(
            ScheduleFlight(number, "LHR", "JFK", departs, departs + timedelta(hours=8), seats, SEAT)
        )
        assert answer.status == 200, answer
        assert answer.subject_id
        return answer.subject_id

    async def hold(self, flight_id: UUID, user: str, seats: int = 1, **submission: Any) -> Answer:
        return await self.submit(InitiateBooking(flight_id, user, seats), user, **submission)

    async def pay(self, booking_id: UUID | None, user: str, seats: int = 1, **submission: Any) -> Answer:
        assert booking_id
        cost = Money(SEAT.amount * seats, SEAT.currency)
        return await self.submit(PayBooking(booking_id, user, cost), user, **submission)

    async def cancel(self, booking_id: UUID | None, user: str, **submission: Any) -> Answer:
        assert booking_id
        return await self.submit(CancelBooking(booking_id), user, **submission)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_ledger(database_url, Settings()) as ledger:
        yield Desk(ledger)


@pytest.fixture
async def other_desk(database_url: str) -> AsyncIterator[Desk]:
    """Open a second ledger on the same database, as another process would."""
    async with open_ledger(database_url, Settings()) as ledger:
        yield Desk(ledger)


@pytest.fixture
async def log(desk: Desk) -> list[UUID]:
    """Positions 1 to 8: a flight, three holds, a payment (two events), a paid cancellation (two events)."""
    flight = await desk.schedule()
    bookings = [(await desk.hold(flight, user)).subject_id for user in ("alice", "bob", "carol")]
    await desk.pay(bookings[0], "alice")
    await desk.cancel(bookings[0], "alice")
    refused = await desk.hold(flight, "dave", seats=9)
    assert refused.status == 409
    return [flight, *(booking for booking in bookings if booking)]
