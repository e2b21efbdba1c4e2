"""The scheduler process: Rocketry starts tasks until SIGTERM or SIGINT."""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC
from functools import partial
from typing import Any

from loguru import logger
from redbird.repos import MemoryRepo
from rocketry import Rocketry
from rocketry.conditions import FuncCond
from rocketry.conds import every
from rocketry.log import MinimalRecord

from analytics.follower.follower import Follower
from analytics.schema import prepare
from audit.proofs.keys import signing_key
from audit.proofs.witnesses import admission, comparison
from database import registry
from database.registry import LedgerEntry
from database.task_failures import FailureRecorder
from gateways.from_settings import check_gateway, open_gateway
from gateways.payment_processor import PaymentProcessor
from gateways.payment_reconciler import PaymentReconciler
from ledger.ledger import Ledger
from ledger.opening import open_with_retries
from ledger.submission import Overloaded, Unavailable
from runtime.backoff import Backoff
from runtime.cron import check_cron
from runtime.environment import read_settings
from runtime.logs import configure_logs
from runtime.settings import Settings, WrongSetting
from runtime.signals import STOP_SIGNALS
from scheduler.auditor import Auditor
from scheduler.checkpoint_signer import CheckpointSigner
from scheduler.sweeper import Sweeper

HEARTBEAT_PERIOD = "5 seconds"
GATEWAY_PERIOD = "1 second"
FOLLOWER_PERIOD = "1 second"
AUDIT_PERIOD = "1 second"
CYCLE_SECONDS = 0.5
STOP_SECONDS_MAX = 2
REGISTRY_SECONDS = 2.0
RECORDS_MAX = 64


def run_forever(settings: Settings, database_url: str) -> None:
    """Run until SIGTERM or SIGINT. Print `ready` once the settings are checked. Raises WrongSetting."""
    try:
        check_cron(settings.sweep_cron)
    except ValueError as error:
        raise WrongSetting(f"SEATLEDGER_SWEEP_CRON={settings.sweep_cron!r}: {error}") from None
    check_gateway(settings)
    if settings.checkpoints:
        signing_key(settings)
    asyncio.run(_until_signal(settings, database_url))


async def _until_signal(settings: Settings, database_url: str) -> None:
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("ready", flush=True)
    ledger = Ledger(database_url, settings, admission(settings.checkpoints))
    try:
        if await _open(ledger, stop):
            others = asyncio.create_task(OtherLedgers(ledger, settings, stop).run())
            await run(ledger, settings, database_url, stop)
            await others
    finally:
        await ledger.close()


async def _open(ledger: Ledger, stop: asyncio.Event) -> bool:
    """Open the ledger as soon as its database is ready. Return False if `stop` is set before."""
    settings = ledger.settings
    # A process without a key, of a ledger that seals no names, must make none.
    prepare_database = partial(prepare, ledger.url, settings, bind=settings.master_key is not None)
    compare = comparison(settings.checkpoints)
    opening = asyncio.create_task(open_with_retries(ledger, prepare_database, compare))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    opening.cancel()
    return opening.done() and not stop.is_set()


class OtherLedgers:
    """Runs the tasks of all active ledgers but `main`, each apart, so that none holds up another."""

    def __init__(self, main: Ledger, settings: Settings, stop: asyncio.Event) -> None:
        self._main = main
        self._settings = settings
        self._stop = stop
        self._running: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self._places: dict[str, str | None] = {}

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
        """Run the tasks of these ledgers. Stop those of others, and of ledgers that have moved."""
        wanted = {
            entry.name: entry for entry in entries if entry.name != registry.MAIN and not entry.is_retired
        }
        kept = {name for name, entry in wanted.items() if self._places.get(name, "") == entry.url_variable}
        ended = [self._running.pop(name) for name in self._running.keys() - kept]
        for stop, _ in ended:
            stop.set()
        await asyncio.gather(*(task for _, task in ended))
        self._places = {name: entry.url_variable for name, entry in wanted.items()}
        for name in wanted.keys() - self._running.keys():
            stop = asyncio.Event()
            self._running[name] = stop, asyncio.create_task(self._run_one(wanted[name], stop))

    async def _run_one(self, entry: LedgerEntry, stop: asyncio.Event) -> None:
        """Run the tasks of one ledger until `stop` is set, again after an error."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                url, own = registry.url_of(entry, self._main.url), self._settings.of_ledger(entry.name)
                ledger = Ledger(url, own, admission(own.checkpoints), entry, self._main.pools)
                try:
                    if await _open(ledger, stop):
                        await run(ledger, own, url, stop)
                finally:
                    await ledger.close()
            except Exception as error:
                pause = backoff.pause()
                logger.bind(ledger=entry.name, error=repr(error), again_in=round(pause, 1)).error(
                    "ledger.failed"
                )
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)


async def run(ledger: Ledger, settings: Settings, database_url: str, stop: asyncio.Event) -> None:
    """Run all tasks until `stop` is set. The next scheduler continues work that is cut short."""
    gateway = open_gateway(settings)
    patience = settings.gateway_patience
    reconciler = (
        PaymentReconciler(ledger, PaymentProcessor(ledger, gateway, patience), patience) if gateway else None
    )
    signer = CheckpointSigner(ledger, signing_key(settings) if settings.checkpoints else None)
    follower = Follower(database_url, ledger.readers)
    auditor = Auditor(ledger.readers)
    sweeper = Sweeper(ledger, database_url, settings.sweep_cron, reconciler)
    recorder = FailureRecorder(
        [*sweeper.tasks, signer.task, follower.task, auditor.task, *([reconciler.task] if reconciler else [])]
    )
    app = _tasks(sweeper, signer, follower, auditor, reconciler, recorder)
    serving = asyncio.create_task(app.serve())
    stopping = asyncio.create_task(stop.wait())
    logger.bind(cron=settings.sweep_cron or "never", ledger=ledger.entry.name).info("scheduler.started")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        app.session.shut_down(force=True)
        await asyncio.wait({serving}, timeout=STOP_SECONDS_MAX)
        if serving.done():
            serving.result()
    finally:
        serving.cancel()
        stopping.cancel()
        if gateway:
            await gateway.close()
    logger.info("scheduler.stopped")


def _tasks(
    sweeper: Sweeper,
    signer: CheckpointSigner,
    follower: Follower,
    auditor: Auditor,
    reconciler: PaymentReconciler | None,
    recorder: FailureRecorder,
) -> Any:
    """Declare the tasks. Correctness does not depend on their timing: PostgreSQL decides what is due."""
    # Rocketry stores past runs in a handler of this logger, so each application needs its own.
    name = f"rocketry.task.{id(sweeper):x}"
    logging.getLogger(name).propagate = False
    logging.getLogger("rocketry.scheduler").setLevel(logging.WARNING)
    app = Rocketry(
        logger_repo=_RecentRecords(model=MinimalRecord),
        task_logger_basename=name,
        execution="async",
        cycle_sleep=CYCLE_SECONDS,
        silence_cond_check=True,
        silence_task_prerun=True,
        silence_task_logging=True,
        # In a zone with summer time, Rocketry stops for an hour in autumn.
        timezone=UTC,
    )

    @app.task(every(HEARTBEAT_PERIOD))  # type: ignore[untyped-decorator]
    async def heartbeat() -> None:
        await sweeper.heartbeat(recorder)

    @app.task(every(HEARTBEAT_PERIOD))  # type: ignore[untyped-decorator]
    async def expire_awaited_holds() -> None:
        await sweeper.expire_awaited_holds()

    @app.task(every(HEARTBEAT_PERIOD))  # type: ignore[untyped-decorator]
    async def sign_checkpoints() -> None:
        await signer.run()

    @app.task(FuncCond(sweeper.is_due))  # type: ignore[untyped-decorator]
    async def sweep() -> None:
        await sweeper.sweep()

    @app.task(every(FOLLOWER_PERIOD))  # type: ignore[untyped-decorator]
    async def follow() -> None:
        await follower.run()

    @app.task(every(AUDIT_PERIOD))  # type: ignore[untyped-decorator]
    async def audit() -> None:
        await auditor.run()

    if reconciler:

        @app.task(every(GATEWAY_PERIOD))  # type: ignore[untyped-decorator]
        async def reconcile() -> None:
            await reconciler.run()

    return app


class _RecentRecords(MemoryRepo):  # type: ignore[misc]
    """Rocketry's record of runs, limited in length; the original grows without bound."""

    def insert(self, item: Any) -> None:
        super().insert(item)
        del self.collection[:-RECORDS_MAX]


def main() -> None:
    """Run the scheduler with settings from the environment. DATABASE_URL is required."""
    settings = read_settings()
    configure_logs(settings, "scheduler")
    if settings.database_url is None:
        raise WrongSetting("DATABASE_URL is not set")
    run_forever(settings, settings.database_url)


if __name__ == "__main__":
    main()
