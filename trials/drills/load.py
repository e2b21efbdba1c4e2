"""Callers in the drill's own process: they hold and pay without a pause, and keep every answer."""

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
class Answers:
    """Every answer under its key, and the number of unknown outcomes."""

    by_key: dict[CommandKey, Answer] = field(default_factory=dict)
    unknown: int = 0

    def lost(self, ask: Callable[[str], list[tuple[Any, ...]]]) -> int:
        """Return how many answers a database lacks or has otherwise."""
        rows = ask("select actor, operation, key, status, body from ledger.commands")
        kept = {(actor, operation, key): (status, body) for actor, operation, key, status, body in rows}
        return sum(
            kept.get(key) != (answer.status, answer.body.decode()) for key, answer in self.by_key.items()
        )

    def copy(self) -> "Answers":
        return Answers(dict(self.by_key), self.unknown)


@asynccontextmanager
async def run_callers(url: str) -> AsyncIterator[Answers]:
    """Run the callers until the end of the context, whatever happens to the database."""
    answers = Answers()
    async with open_ledger(url, Settings(deadline_seconds=DEADLINE_SECONDS)) as ledger:
        tasks = [asyncio.create_task(_live(ledger, f"caller-{n}", answers)) for n in range(CALLERS)]
        try:
            yield answers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _live(ledger: Ledger, name: str, answers: Answers) -> None:
    caller = Caller(name, frozenset({Role.CLIENT}))
    flight: UUID | None = None
    sold = 0
    while True:
        if flight is None or sold == SEATS:
            flight, sold = await _submit(ledger, answers, _operator, _schedule(name)), 0
        elif booking := await _submit(ledger, answers, caller, InitiateBooking(flight, name, 1)):
            sold += 1
            cost = Money(PRICE.amount, PRICE.currency)
            await _submit(ledger, answers, caller, PayBooking(booking, name, cost))


def _schedule(name: str) -> Command:
    """Schedule on a new flight number each time: a number is used once a day."""
    departs = datetime.now(UTC) + timedelta(days=30)
    number = f"ZZ{name.removeprefix('caller-')}{departs.microsecond % 1000}"
    return ScheduleFlight(number, "DEL", "JFK", departs, departs + timedelta(hours=15), SEATS, PRICE)


async def _submit(ledger: Ledger, answers: Answers, caller: Caller, command: Command) -> UUID | None:
    """Return the id of the changed subject; None for a refusal or an unknown outcome."""
    submission = Submission(command, caller, render_plain)
    try:
        answer = await ledger.submit(submission)
    except (Unavailable, Overloaded):
        answers.unknown += 1
        await asyncio.sleep(PAUSE_SECONDS)
        return None
    answers.by_key[submission.command_key] = answer
    return answer.subject_id
