"""The scheduler's work for ledgers besides `main`: each apart, and little for those without new events."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from itertools import count

from loguru import logger

from database import registry
from database.activity import Activity, read_activity
from database.pool import ConnectionPool
from database.registry import LedgerEntry
from gateways import Gateway
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable
from runtime.cron import latest_slot
from runtime.settings import Settings
from scheduler.ledger_tasks import STOP_SECONDS_MAX
from scheduler.other_ledger import OtherLedger

REGISTRY_SECONDS = 2.0
WATCH_SECONDS = 1.0

VISITS_AT_ONCE = 4
"""Idle ledgers of one database that are opened or visited at the same time."""


class OtherLedgers:
    """Works for all active ledgers but `main`."""

    def __init__(
        self, main: Ledger, settings: Settings, stop: asyncio.Event, gateway: Gateway | None = None
    ) -> None:
        self._main = main
        self._settings = settings
        self._stop = stop
        self._gateway = gateway
        self._running: dict[str, tuple[OtherLedger, asyncio.Task[None]]] = {}
        self._turns: dict[ConnectionPool, asyncio.Semaphore] = {}
        self._watches: dict[ConnectionPool, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow the registry until `stop` is set, then stop all ledgers."""
        while not self._stop.is_set():
            try:
                async with self._main.read() as connection:
                    entries = await registry.read(connection)
                await self._follow(entries)
            except (Unavailable, Overloaded):
                pass
            except Exception as error:  # the task goes on: all other ledgers depend on it
                logger.bind(error=repr(error)).error("registry.unreadable")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), REGISTRY_SECONDS)
        await self._follow(())

    async def _follow(self, entries: Collection[LedgerEntry]) -> None:
        """Work for these ledgers. Stop for others, and for ledgers that have moved, which then begin anew."""
        wanted = {
            entry.name: entry for entry in entries if entry.name != registry.MAIN and not entry.is_retired
        }
        kept = {
            name
            for name, (one, _) in self._running.items()
            if name in wanted and one.entry.url_variable == wanted[name].url_variable
        }
        await self._end([self._running.pop(name) for name in self._running.keys() - kept])
        for name in wanted.keys() - self._running.keys():
            one = OtherLedger(wanted[name], self._main, self._settings, self._gateway, self._turn_of)
            self._running[name] = one, asyncio.create_task(one.run())
        self._watch_databases()

    async def _end(self, ended: list[tuple[OtherLedger, asyncio.Task[None]]]) -> None:
        for one, _ in ended:
            one.stop()
        if tasks := [task for _, task in ended]:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _watch_databases(self) -> None:
        used = {one.ledger.pool for one, _ in self._running.values() if one.ledger}
        for pool in used - self._watches.keys():
            self._watches[pool] = asyncio.create_task(self._watch(pool))
        for pool in self._watches.keys() - used:
            self._watches.pop(pool).cancel()

    def _turn_of(self, pool: ConnectionPool) -> asyncio.Semaphore:
        return self._turns.setdefault(pool, asyncio.Semaphore(VISITS_AT_ONCE))

    async def _watch(self, pool: ConnectionPool) -> None:
        """Tell the ledgers of one database of their new events, and of each slot of the cron expression."""
        for turn in count():
            here = [one for one, _ in self._running.values() if one.ledger and one.ledger.pool is pool]
            # On another server each ledger asks in turn, so that no broken one makes the watch blind.
            at_home = pool is self._main.pool
            asked = self._main if at_home else here[turn % len(here)].ledger if here else None
            activity = await self._read_activity(asked) if asked else None
            if activity:
                slot = latest_slot(self._settings.sweep_cron, activity.now)
                for one in here:
                    one.note(activity.inserts.get(one.entry.schema), slot)
            await asyncio.sleep(WATCH_SECONDS)

    async def _read_activity(self, ledger: Ledger) -> Activity | None:
        """Return None if the database does not answer."""
        try:
            async with ledger.read() as connection:
                return await read_activity(connection)
        except (Unavailable, Overloaded):
            pass
        except Exception as error:  # visits find new events as well
            logger.bind(error=repr(error)).error("activity.unreadable")
        return None
