"""Flights with unpaid holds."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from ledger.ledger import Ledger
from ledger.submission import Submission, render_plain

OLGA = Caller("olga", frozenset({Role.OPERATOR}))
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


class Airline:
    """Makes flights and expired holds, and queries the database as its owner."""

    def __init__(self, ledger: Ledger, owner: AsyncConnection[Any] | None = None) -> None:
        self.ledger = ledger
        self.owner = owner
        self._flights = 0

    async def due_holds(self, count: int) -> list[UUID]:
        """Make holds on separate flights, so that no other command expires them."""
        return [await self.do(InitiateBooking(await self.flight(), "alice", 2)) for _ in range(count)]

    async def ask(self, statement: str, *parameters: object) -> list[Any]:
        assert self.owner is not None
        return await (await self.owner.execute(statement, parameters)).fetchall()

    async def owner_says(self, statement: str) -> None:
        assert self.owner is not None
        await self.owner.execute(statement.encode())

    async def expired(self) -> int:
        ((count,),) = await self.ask("select count(*) from ledger.events where topic = 'booking.cancelled'")
        return int(count)

    async def runs(self) -> list[tuple[datetime, int]]:
        return await self.ask("select slot, done from ledger.job_runs order by slot")

    async def flight(self) -> UUID:
        self._flights += 1
        return await self.do(
            ScheduleFlight(
                number=f"BA{self._flights}",
                origin="LHR",
                destination="JFK",
                departs_at=TOMORROW,
                arrives_at=TOMORROW + timedelta(hours=8),
                seats=9,
                price=Price(450_000, "INR"),
            )
        )

    async def do(self, command: Command) -> UUID:
        answer = await self.ledger.submit(Submission(command, OLGA, render_plain))
        assert answer.subject_id is not None, answer.body
        return answer.subject_id
