"""The sweeper: expires due holds at each slot of the cron expression."""

import time
from datetime import datetime, timedelta

import psycopg
from loguru import logger

from database.connection import connect
from database.job_slots import Heartbeat, record_heartbeat, run_slot
from database.task_failures import FailureRecorder
from gateways.payment_reconciler import PaymentReconciler
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable
from ledger.sweeps import expire_awaited, run_sweep
from runtime.cron import latest_slot
from runtime.tasks import Task

JOB = "expire_holds"
NAME = "scheduler"

_Transient = (psycopg.Error, Unavailable, Overloaded, TimeoutError)
"""Errors that pass. Nothing was recorded, so the slot is due again after the next heartbeat."""


class Sweeper:
    """Sweeps by cron. `heartbeat` reads the database; `is_due` only uses memory, so it is cheap."""

    def __init__(
        self, ledger: Ledger, database_url: str, cron: str, reconciler: PaymentReconciler | None = None
    ) -> None:
        self._ledger = ledger
        self._database_url = database_url
        self._cron = cron
        self._reconciler = reconciler
        self._heartbeat: Heartbeat | None = None
        self._heartbeat_at = 0.0
        self._tried: datetime | None = None
        self._beats = Task("heartbeat", "database.lost", "heartbeat.failed", "database.back", _Transient)
        self._lines = Task("waiting-lists", "lines.interrupted", "lines.failed", transient=_Transient)
        self._sweeps = Task("sweep", "sweep.interrupted", "sweep.failed", transient=_Transient)

    @property
    def tasks(self) -> list[Task]:
        return [self._beats, self._lines, self._sweeps]

    async def heartbeat(self, recorder: FailureRecorder | None = None) -> None:
        """Record that the scheduler is alive, and read the database's clock and the last slot that ran.

        `recorder` stores the failures of all tasks.
        """
        await self._beats.run(lambda: self._beat(recorder))

    async def _beat(self, recorder: FailureRecorder | None) -> None:
        async with self._ledger.read() as connection:
            heartbeat = await record_heartbeat(connection, NAME, JOB)
            self._heartbeat, self._heartbeat_at = heartbeat, time.monotonic()
            self._tried = heartbeat.last_slot
            if recorder is not None:
                await recorder.record(connection)

    async def expire_awaited_holds(self) -> None:
        """Expire due holds of flights with waiting parties, independent of the cron, so that offers go on.

        Safe in any number of schedulers: a hold expires only once.
        """
        moved = await self._lines.run(lambda: expire_awaited(self._ledger, self._reconciler))
        if moved:
            logger.bind(expired=moved).info("lines.moved")

    def is_due(self) -> bool:
        """Return whether a slot has come since the last run or attempt. One run covers all missed slots."""
        slot = self._slot()
        return slot is not None and (self._tried is None or self._tried < slot)

    async def sweep(self) -> None:
        """Run the latest slot, unless another scheduler ran it or runs it now."""
        slot = self._slot()
        if slot is None:
            return
        self._tried = slot
        done = await self._sweeps.run(lambda: self._run(slot), slot=slot)
        if done is not None:
            logger.bind(slot=slot, expired=done).log("INFO" if done else "DEBUG", "sweep.done")

    async def _run(self, slot: datetime) -> int | None:
        async with self._ledger.pool.nesting_place(self._ledger.settings.deadline_seconds):
            connection = await connect(self._database_url, "seatledger scheduler")
            try:
                return await run_slot(
                    connection, JOB, slot, lambda: run_sweep(self._ledger, self._reconciler)
                )
            finally:
                # Close without a rollback, which a frozen server would not answer.
                await connection.close()

    def _slot(self) -> datetime | None:
        """Return the latest slot by the database's clock, which may differ from this machine's clock."""
        if self._heartbeat is None:
            return None
        now = self._heartbeat.now + timedelta(seconds=time.monotonic() - self._heartbeat_at)
        return latest_slot(self._cron, now)
