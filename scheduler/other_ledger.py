"""One ledger besides `main`: asleep while it has no new events, with visits and sweeps, else awake."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from random import uniform
from time import monotonic

import psycopg
from loguru import logger

from analytics.schema import prepare
from audit.proofs.witnesses import admission, comparison
from database import registry
from database.pool import ConnectionPool
from database.registry import LedgerEntry
from gateways import Gateway
from ledger.ledger import Ledger
from ledger.opening import RETRY_SECONDS, try_to_open
from ledger.submission import Overloaded, Unavailable
from runtime.backoff import Backoff
from runtime.settings import Settings
from scheduler.ledger_tasks import VISIT_SECONDS, LedgerTasks

AWAKE_SECONDS = 30.0
"""Time without new events after which a ledger sleeps; longer than PostgreSQL's statistics may be late."""

CHECK_SECONDS = 5.0


class OtherLedger:
    """Works for one ledger until `stop`, again after any error."""

    def __init__(
        self,
        entry: LedgerEntry,
        main: Ledger,
        settings: Settings,
        gateway: Gateway | None,
        turns_of: Callable[[ConnectionPool], asyncio.Semaphore],
    ) -> None:
        self.entry = entry
        self.ledger: Ledger | None = None
        self._main = main
        self._settings = settings.of_ledger(entry.name)
        self._gateway = gateway
        self._turns_of = turns_of
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()
        self._inserts: int | None = None
        self._slot: datetime | None = None
        self._changed_at = 0.0
        self.visit_at = 0.0
        self.is_asleep = False

    def stop(self) -> None:
        self._stop.set()
        self._woken.set()

    def note(self, inserts: int | None, slot: datetime | None) -> None:
        """Note the number of inserted events, if it is known, and the latest slot. Wake for a new one."""
        if inserts not in (None, self._inserts):
            if self._inserts is not None:
                self._changed_at = monotonic()
                self._woken.set()
            self._inserts = inserts
        if slot != self._slot:
            self._slot = slot
            self._woken.set()

    async def run(self) -> None:
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                await self._run()
            except Exception as error:
                pause = backoff.pause()
                logger.bind(ledger=self.entry.name, error=repr(error), again_in=round(pause, 1)).error(
                    "ledger.failed"
                )
                await self._pause(pause)

    async def _run(self) -> None:
        settings, url = self._settings, registry.url_of(self.entry, self._main.url)
        ledger = Ledger(url, settings, admission(settings.checkpoints), self.entry, self._main.pools)
        turns = self._turns_of(ledger.pool)
        self.ledger = ledger
        try:
            if await self._open(ledger, turns):
                logger.bind(ledger=self.entry.name, cron=settings.sweep_cron or "never").info(
                    "scheduler.started"
                )
                await self._work(LedgerTasks(ledger, settings, url, self._gateway), ledger, turns)
        finally:
            self.ledger = None
            await ledger.close()

    async def _open(self, ledger: Ledger, turns: asyncio.Semaphore) -> bool:
        """Open the ledger as soon as its database is ready. Return False if it is stopped before."""
        # A process without a key, of a ledger that seals no names, must make none.
        bind = self._settings.master_key is not None
        prepare_database = partial(prepare, ledger.url, self._settings, bind=bind)
        compare = comparison(self._settings.checkpoints)
        while not self._stop.is_set():
            async with turns:
                if await try_to_open(ledger, prepare_database, compare):
                    return True
            await self._pause(RETRY_SECONDS)
        return False

    async def _work(self, tasks: LedgerTasks, ledger: Ledger, turns: asyncio.Semaphore) -> None:
        is_new = True
        while not self._stop.is_set():
            self._woken.clear()
            if not self._has_changed():
                async with turns:
                    if monotonic() < self.visit_at:
                        await tasks.sweep()
                    else:
                        seconds = await tasks.visit()
                        # The first visits follow each other closely, later ones are spread.
                        self.visit_at = monotonic() + seconds * (uniform(0.1, 1) if is_new else 1)
                        is_new = is_new or seconds < VISIT_SECONDS
            # Without new events there is no new work ahead.
            if self._has_changed() or (is_new and await _has_work_ahead(tasks, unknown=False)):
                await self._stay_awake(tasks)
            is_new = False
            await ledger.rest()
            self.is_asleep = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), max(self.visit_at - monotonic(), 0))
            self.is_asleep = False

    async def _stay_awake(self, tasks: LedgerTasks) -> None:
        """Run the tasks as for `main`, until nothing is left to do."""
        enough = asyncio.Event()
        running = asyncio.create_task(tasks.run(enough))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set() and not running.done():
                await asyncio.wait({running, stopping}, timeout=CHECK_SECONDS)
                if not self._has_changed() and not await _has_work_ahead(tasks, unknown=True):
                    break
        finally:
            stopping.cancel()
            enough.set()
            await running

    def _has_changed(self) -> bool:
        return monotonic() - self._changed_at < AWAKE_SECONDS

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


async def _has_work_ahead(tasks: LedgerTasks, unknown: bool) -> bool:
    """Return `unknown` if the ledger does not answer."""
    try:
        return await tasks.has_work_ahead()
    except (psycopg.Error, Unavailable, Overloaded):
        return unknown
