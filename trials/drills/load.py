"""A crowd in the drill's own process, and what became of its answers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from ledger.ledger import open_ledger
from runtime.settings import Settings
from trials.checker.calls import Call
from trials.checker.log import read_log
from trials.checker.outcomes import lost_commands
from trials.crowd.crowd import Crowd
from trials.crowd.direct import LedgerLine
from trials.crowd.sale import Plan

PLAN = Plan(hold_seconds=2, think_seconds=0.01, seats=(100, 300))
SETTINGS = Settings(deadline_seconds=1.0, hold_seconds=2, capture_seconds=2, offer_seconds=2)


@asynccontextmanager
async def run_callers(url: str) -> AsyncIterator[list[Call]]:
    """Run a crowd until the end of the context, whatever happens to the database. Yield its calls."""
    calls: list[Call] = []
    async with (
        open_ledger(url, SETTINGS) as ledger,
        Crowd(LedgerLine(ledger, calls.append).send, Random(), PLAN) as crowd,
    ):
        await crowd.open()
        yield calls


def acknowledged(calls: Sequence[Call]) -> int:
    """Return how many commands were answered."""
    return len({(call.who, call.operation, call.key) for call in calls if call.answered})


def lost(calls: list[Call], url: str) -> int:
    """Return how many acknowledged commands a database lacks or has otherwise."""
    return len(lost_commands(calls, read_log(url)))
