"""Callers in the drill's own process: they hold and pay without a pause, and keep what they were told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.caller import Caller, Role
from domain.commands import Command, InitiateBooking, PayBooking, Price, ScheduleFlight
from domain.money import Money
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Answer, CommandKey, Overloaded, Submission, Unavailable, render_plain
from runtime.settings import Settings

CALLERS = 8
SEATS = 1000
PRICE = Price(100_00, "INR")
PAUSE_SECONDS = 0.02
DEADLINE_SECONDS = 1.0

_operator = Caller("operator", frozenset({Role.OPERATOR}))


@dataclass
class Told:
    """Every answer, under the key that it was given for; what was not answered is only counted."""

    answers: dict[CommandKey, Answer] = field(default_factory=dict)
    unknown: int = 0

    def lost(self, ask: Callable[[str], list[tuple[Any, ...]]]) -> int:
        """How many answers a database does not hold, or holds otherwise."""
        rows = ask("select actor, operation, key, status, body from ledger.commands")
        kept = {(actor, operation, key): (status, body) for actor, operation, key, status, body in rows}
        return sum(
            kept.get(key) != (answer.status, answer.body.decode()) for key, answer in self.answers.items()
        )

    def up_to_now(self) -> "Told":
        return Told(dict(self.answers), self.unknown)


@asynccontextmanager
async def callers(url: str) -> AsyncIterator[Told]:
    """They call from here until the end of the context, whatever happens to the database."""
    told = Told()
    async with open_ledger(url, Settings(deadline_seconds=DEADLINE_SECONDS)) as ledger:
        tasks = [asyncio.create_task(_live(ledger, f"caller-{n}", told)) for n in range(CALLERS)]
        try:
            yield told
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _live(ledger: Ledger, name: str, told: Told) -> None:
    caller = Caller(name, frozenset({Role.CLIENT}))
    flight: UUID | None = None
    sold = 0
    while True:
        if flight is None or sold == SEATS:
            flight, sold = await _told(ledger, told, _operator, _flight(name)), 0
        elif booking := await _told(ledger, told, caller, InitiateBooking(flight, name, 1)):
            sold += 1
            cost = Money(PRICE.amount, PRICE.currency)
            await _told(ledger, told, caller, PayBooking(booking, name, cost))


def _flight(name: str) -> Command:
    """Another day each time, because a flight number is taken once a day."""
    departs = datetime.now(UTC) + timedelta(days=30)
    number = f"ZZ{name.removeprefix('caller-')}{departs.microsecond % 1000}"
    return ScheduleFlight(number, "DEL", "JFK", departs, departs + timedelta(hours=15), SEATS, PRICE)


async def _told(ledger: Ledger, told: Told, caller: Caller, command: Command) -> UUID | None:
    """What the command changed, or None when it was refused or its outcome is unknown."""
    submission = Submission(command, caller, render_plain)
    try:
        answer = await ledger.submit(submission)
    except (Unavailable, Overloaded):
        told.unknown += 1
        await asyncio.sleep(PAUSE_SECONDS)
        return None
    told.answers[submission.command_key] = answer
    return answer.subject_id
