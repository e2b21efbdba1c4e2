"""The sweeper: keeps a pulse with the database, and expires due holds when a slot of the cron has come."""

import asyncio
import time
from datetime import datetime, timedelta

import psycopg
from loguru import logger

from database.connection import connect
from database.job_slots import Pulse, beat, run_slot
from gateways.payment_reconciler import PaymentReconciler
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Submission, Unavailable
from ledger.system_commands import expiry_of
from ledger.waiting_list import closing_of
from projections.due_work import DueHold, find_departed_parties, find_due_holds, find_due_holds_with_queue
from runtime.cron import latest_slot

JOB = "expire_holds"
NAME = "scheduler"

BATCH_MAX = 256
"""Holds submitted at once: enough to fill blocks, few enough that others' commands pass in between."""

BATCHES_MAX = 16
"""Batches for those who wait at one pulse; the next one goes on."""

_Trouble = (psycopg.Error, Unavailable, Overloaded, TimeoutError)
"""What passes by itself. Nothing was recorded, so the slot is due again at the next pulse."""


class Sweeper:
    """`is_due` is cheap and looks only at memory; `pulse` refreshes what it knows, from the database."""

    def __init__(
        self, ledger: Ledger, database_url: str, cron: str, reconciler: PaymentReconciler | None = None
    ) -> None:
        self._ledger = ledger
        self._database_url = database_url
        self._cron = cron
        self._reconciler = reconciler
        self._pulse: Pulse | None = None
        self._pulse_at = 0.0
        self._tried: datetime | None = None
        self._answers = True

    async def pulse(self) -> None:
        try:
            async with self._ledger.read() as connection:
                pulse = await beat(connection, NAME, JOB)
                felt_at = time.monotonic()
        except _Trouble as error:
            if self._answers:  # told once, not at every pulse
                logger.bind(error=repr(error)).warning("database.lost")
            self._answers = False
            return
        self._pulse, self._pulse_at, self._tried = pulse, felt_at, pulse.last_slot
        if not self._answers:
            logger.info("database.back")
        self._answers = True

    async def move_lines(self) -> None:
        """Expire what is due on flights that somebody waits for, whatever the cron says: so offers go on.

        Any number of schedulers may do so at once: a hold expires only once.
        """
        try:
            moved = await expire_awaited(self._ledger, self._reconciler)
        except _Trouble:
            return  # the pulse tells of it, and the next one tries again
        except Exception:
            logger.exception("lines.failed")
            return
        if moved:
            logger.bind(expired=moved).info("lines.moved")

    def is_due(self) -> bool:
        """Has a slot come that was neither run nor tried since the last pulse? One run covers all missed."""
        slot = self._slot()
        return slot is not None and (self._tried is None or self._tried < slot)

    async def sweep(self) -> None:
        """Run the latest slot, unless another scheduler has or is at it."""
        slot = self._slot()
        if slot is None:
            return
        self._tried = slot
        log = logger.bind(slot=slot)
        try:
            done = await self._run(slot)
        except _Trouble as error:
            log.bind(error=repr(error)).warning("sweep.interrupted")
        except Exception:
            log.exception("sweep.failed")
        else:
            if done is not None:
                log.bind(expired=done).log("INFO" if done else "DEBUG", "sweep.done")

    async def _run(self, slot: datetime) -> int | None:
        connection = await connect(self._database_url, "seatledger scheduler")
        try:
            return await run_slot(connection, JOB, slot, lambda: tidy(self._ledger, self._reconciler))
        finally:
            # No polite rollback: a frozen server would not answer it.
            await connection.close()

    def _slot(self) -> datetime | None:
        """The latest slot by the database's clock, which the machine's own may disagree with."""
        if self._pulse is None:
            return None
        now = self._pulse.now + timedelta(seconds=time.monotonic() - self._pulse_at)
        return latest_slot(self._cron, now)


async def tidy(ledger: Ledger, reconciler: PaymentReconciler | None = None) -> int:
    """What a slot of the cron does; how many holds it expired."""
    expired = await expire_holds(ledger, reconciler)
    await close_outwaited(ledger)
    return expired


async def expire_holds(ledger: Ledger, reconciler: PaymentReconciler | None = None) -> int:
    """Give back the seats of all holds that have run out, in batches, oldest first; how many there were.

    Where a gateway has the payment, it is asked first, in bounded time: money that came makes it a booking.
    Each is tried once: one that the ledger refuses to expire (paid in this very moment) holds up nobody.
    Raises Unavailable or Overloaded when the ledger cannot take more now; what is done is done.
    """
    expired, due = 0, await _next_batch(ledger)
    while due:
        expired += await _expire(ledger, due, reconciler)
        due = await _next_batch(ledger, after=due[-1]) if len(due) == BATCH_MAX else []
    return expired


async def expire_awaited(ledger: Ledger, reconciler: PaymentReconciler | None = None) -> int:
    """The same for flights that somebody waits for, at most BATCHES_MAX batches."""
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
    """Close the entries of departed flights, in batches; they read `closed` from the departure on anyway."""
    closed = 0
    for _ in range(BATCHES_MAX):
        async with ledger.read() as connection:
            waiting = await find_departed_parties(connection, BATCH_MAX)
        closed += await _submit_all(ledger, [closing_of(waiting_id) for waiting_id in waiting])
        if len(waiting) < BATCH_MAX:
            break
    return closed


async def _expire(ledger: Ledger, due: list[DueHold], reconciler: PaymentReconciler | None) -> int:
    if reconciler:
        await reconciler.ask([hold.id for hold in due if hold.is_paying])
    return await _submit_all(ledger, [expiry_of(hold) for hold in due])


async def _submit_all(ledger: Ledger, submissions: list[Submission]) -> int:
    """How many of them were done now, and not before."""
    answers = await asyncio.gather(*(ledger.submit(submission) for submission in submissions))
    return sum(answer.status == 200 and not answer.replayed for answer in answers)


async def _next_batch(ledger: Ledger, after: DueHold | None = None) -> list[DueHold]:
    async with ledger.read() as connection:
        return await find_due_holds(connection, BATCH_MAX, after)
