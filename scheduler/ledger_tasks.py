"""The periodic tasks of one ledger: Rocketry triggers them, PostgreSQL decides what is due."""

import asyncio
import logging
from datetime import UTC
from typing import Any

import psycopg
from redbird.repos import MemoryRepo
from rocketry import Rocketry
from rocketry.conditions import FuncCond
from rocketry.conds import every
from rocketry.log import MinimalRecord

from analytics.follower.follower import Follower
from analytics.follower.lag import lags
from analytics.webhooks import status
from audit.proofs.keys import signing_key
from database.task_failures import FailureRecorder
from gateways import Gateway
from gateways.payment_processor import PaymentProcessor
from gateways.payment_reconciler import PaymentReconciler
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable
from projections.due_work import has_work_ahead
from runtime.settings import Settings
from scheduler.auditor import Auditor
from scheduler.checkpoint_signer import CheckpointSigner
from scheduler.sweeper import Sweeper
from scheduler.webhooks.sender import Sender

HEARTBEAT_PERIOD = "5 seconds"
GATEWAY_PERIOD = "1 second"
FOLLOWER_PERIOD = "1 second"
AUDIT_PERIOD = "1 second"
CYCLE_SECONDS = 0.5
STOP_SECONDS_MAX = 2
RECORDS_MAX = 64

VISIT_SECONDS = 100.0
"""Interval of visits to an idle ledger: less than the age at which its self-audit is unhealthy, 120 s."""

CUT_SHORT_SECONDS, RETRY_SECONDS = 1.0, 5.0
"""Time until the next visit after one that did not end its work, and after one that failed."""


class LedgerTasks:
    """The tasks of one ledger. `run` repeats them; `visit` does once what an idle ledger needs."""

    def __init__(self, ledger: Ledger, settings: Settings, url: str, gateway: Gateway | None) -> None:
        self._ledger = ledger
        self._settings = settings
        patience = settings.gateway_patience
        self._reconciler = (
            PaymentReconciler(ledger, PaymentProcessor(ledger, gateway, patience), patience)
            if gateway
            else None
        )
        self._signer = CheckpointSigner(ledger, signing_key(settings) if settings.checkpoints else None)
        self._follower = Follower(url, ledger.readers)
        self._auditor = Auditor(ledger.readers, ledger.keyring)
        self._sender = Sender(ledger)
        self._sweeper = Sweeper(ledger, url, settings.sweep_cron, self._reconciler)
        extra = [self._reconciler.task] if self._reconciler else []
        self._recorder = FailureRecorder(
            [
                *self._sweeper.tasks,
                self._signer.task,
                self._follower.task,
                self._auditor.task,
                self._sender.task,
                *extra,
            ]
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run all tasks until `stop` is set. The next scheduler continues work that is cut short."""
        # Rocketry stores past runs in a handler of this logger, so each application needs its own.
        name = f"rocketry.task.{id(stop):x}"
        app = self._app(name)
        serving = asyncio.create_task(app.serve())
        stopping = asyncio.create_task(stop.wait())
        ended = asyncio.Event()
        sending = asyncio.create_task(self._sender.run(ended))
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            app.session.shut_down(force=True)
            ended.set()
            await asyncio.wait({serving, sending}, timeout=STOP_SECONDS_MAX)
            if serving.done():
                serving.result()
        finally:
            serving.cancel()
            stopping.cancel()
            sending.cancel()
            logging.Logger.manager.loggerDict.pop(name, None)

    async def visit(self) -> float:
        """Do once, one after another, what is due in a ledger without new events.

        Return the seconds until the next visit: few if it was cut short or failed. Never raises.
        """
        await self.sweep()
        await self._signer.run()
        try:
            async with self._ledger.read() as connection:
                behind = [lag for lag in await lags(connection) if lag.is_to_follow]
        except (psycopg.Error, Unavailable, Overloaded):
            return RETRY_SECONDS
        if behind:
            await self._follower.run()
        await self._auditor.run()
        await self._sender.visit()
        is_done = not behind and self._auditor.is_resting and self._recorder.is_settled
        return VISIT_SECONDS if is_done else CUT_SHORT_SECONDS

    async def sweep(self) -> None:
        """Record the heartbeat and past failures, and run a cron slot that is due. Never raises."""
        await self._sweeper.heartbeat(self._recorder)
        if self._sweeper.is_due():
            await self._sweeper.sweep()

    async def has_work_ahead(self) -> bool:
        """Return whether a ledger without new events must not wait for the next visit.

        Raises Unavailable, Overloaded, psycopg.Error.
        """
        if not self._recorder.is_settled:
            return True
        async with self._ledger.read() as connection:
            return (
                await has_work_ahead(connection, bool(self._reconciler))
                or await status.has_work(connection)
                or any(lag.is_to_follow for lag in await lags(connection))
            )

    def _app(self, logger_name: str) -> Any:
        """Declare the tasks. Correctness does not depend on their timing."""
        logging.getLogger(logger_name).propagate = False
        logging.getLogger("rocketry.scheduler").setLevel(logging.WARNING)
        app = Rocketry(
            logger_repo=_RecentRecords(model=MinimalRecord),
            task_logger_basename=logger_name,
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
            await self._sweeper.heartbeat(self._recorder)

        @app.task(every(HEARTBEAT_PERIOD))  # type: ignore[untyped-decorator]
        async def expire_awaited_holds() -> None:
            await self._sweeper.expire_awaited_holds()

        @app.task(every(HEARTBEAT_PERIOD))  # type: ignore[untyped-decorator]
        async def sign_checkpoints() -> None:
            await self._signer.run()

        @app.task(FuncCond(self._sweeper.is_due))  # type: ignore[untyped-decorator]
        async def sweep() -> None:
            await self._sweeper.sweep()

        @app.task(every(FOLLOWER_PERIOD))  # type: ignore[untyped-decorator]
        async def follow() -> None:
            await self._follower.run()

        @app.task(every(AUDIT_PERIOD))  # type: ignore[untyped-decorator]
        async def audit() -> None:
            await self._auditor.run()

        if reconciler := self._reconciler:

            @app.task(every(GATEWAY_PERIOD))  # type: ignore[untyped-decorator]
            async def reconcile() -> None:
                await reconciler.run()

        return app


class _RecentRecords(MemoryRepo):  # type: ignore[misc]
    """Rocketry's record of runs, limited in length; the original grows without bound."""

    def insert(self, item: Any) -> None:
        super().insert(item)
        del self.collection[:-RECORDS_MAX]
