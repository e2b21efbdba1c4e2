"""Sweeps: due holds expire, and parties that waited for departed flights are closed, in bounded batches."""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from ledger.ledger import Ledger
from ledger.submission import Submission
from ledger.system_commands import expiry_of
from ledger.waiting_list import closing_of
from projections.due_work import DueHold, find_departed_parties, find_due_holds, find_due_holds_with_queue

BATCH_MAX = 256
"""Holds submitted at once: enough to fill blocks, few enough to let other commands pass in between."""

BATCHES_MAX = 16
"""Batches for waiting parties in one run; the next run continues."""


class Settles(Protocol):
    """A reconciler of payments at a gateway."""

    async def settle_due(self, booking_ids: Sequence[UUID], /) -> None:
        """Settle the payments of these bookings before their holds expire, in bounded time."""
        ...


async def run_sweep(ledger: Ledger, reconciler: Settles | None = None) -> int:
    """Do the work of one cron slot, and return the number of expired holds."""
    expired = await expire_holds(ledger, reconciler)
    await close_outwaited(ledger)
    return expired


async def expire_holds(ledger: Ledger, reconciler: Settles | None = None) -> int:
    """Expire all due holds in batches, oldest first, and return how many were expired.

    A payment at a gateway is settled first, in bounded time: money that arrived makes a booking. Each hold
    is tried once; one that the ledger refuses to expire, because it was just paid, does not delay others.
    Raises Unavailable or Overloaded when the ledger cannot take more now; finished batches stand.
    """
    expired, due = 0, await _next_batch(ledger)
    while due:
        expired += await _expire(ledger, due, reconciler)
        due = await _next_batch(ledger, after=due[-1]) if len(due) == BATCH_MAX else []
    return expired


async def expire_awaited(ledger: Ledger, reconciler: Settles | None = None) -> int:
    """Expire due holds of flights with waiting parties, at most BATCHES_MAX batches."""
    expired, after = 0, None
    for _ in range(BATCHES_MAX):
        async with ledger.read() as connection:
            due = await find_due_holds_with_queue(connection, BATCH_MAX, after)
        expired += await _expire(ledger, due, reconciler)
        if len(due) < BATCH_MAX:
            break
        after = due[-1]
    return expired


async def close_outwaited(ledger: Ledger) -> int:
    """Close waiting parties of departed flights, in batches. They read `closed` from departure on anyway."""
    closed = 0
    for _ in range(BATCHES_MAX):
        async with ledger.read() as connection:
            waiting = await find_departed_parties(connection, BATCH_MAX)
        closed += await _submit_all(ledger, [closing_of(waiting_id) for waiting_id in waiting])
        if len(waiting) < BATCH_MAX:
            break
    return closed


async def _expire(ledger: Ledger, due: list[DueHold], reconciler: Settles | None) -> int:
    if reconciler:
        await reconciler.settle_due([hold.id for hold in due if hold.is_paying])
    return await _submit_all(ledger, [expiry_of(hold) for hold in due])


async def _submit_all(ledger: Ledger, submissions: list[Submission]) -> int:
    """Submit commands and return how many were executed now, replays excluded."""
    answers = await asyncio.gather(*(ledger.submit(submission) for submission in submissions))
    return sum(answer.status == 200 and not answer.replayed for answer in answers)


async def _next_batch(ledger: Ledger, after: DueHold | None = None) -> list[DueHold]:
    async with ledger.read() as connection:
        return await find_due_holds(connection, BATCH_MAX, after)
