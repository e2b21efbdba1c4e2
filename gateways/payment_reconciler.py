"""The reconciler: settles payments and refunds that a crash or a silent gateway left unfinished."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

import psycopg
from loguru import logger

from gateways import GatewayInDoubt, GatewayRefused
from gateways.payment_processor import PaymentProcessor
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable
from projections.due_work import OpenTask, find_open_tasks
from runtime.tasks import Task

BATCH_MAX = 128
AT_ONCE_MAX = 16
SETTLE_SECONDS_MAX = 10.0
BACKOFF_SECONDS_MAX = 30.0
FAILURE_SECONDS = 10 * BACKOFF_SECONDS_MAX
NO_UUID = UUID(int=0)

Trouble = (
    psycopg.Error,
    Unavailable,
    Overloaded,
    TimeoutError,
    GatewayInDoubt,
    GatewayRefused,
)


class PaymentReconciler:
    """Settles tasks that stood still for `patience` seconds. Failed tasks are repeated with backoff."""

    def __init__(self, ledger: Ledger, processor: PaymentProcessor, patience: float) -> None:
        self._ledger = ledger
        self._processor = processor
        self._patience = patience
        self._failures: dict[UUID, tuple[int, float]] = {}
        self._after = NO_UUID
        self.task = Task("payments", "completer.interrupted", "completer.failed", transient=Trouble)

    async def run(self) -> int:
        """Work on the next batch of open tasks and return the number of settled ones.

        Batches go round, so that no task waits for others that fail.
        """
        return await self.task.run(self._work) or 0

    async def _work(self) -> int:
        now = time.monotonic()
        async with self._ledger.read() as connection:
            found = await find_open_tasks(connection, self._patience, self._after, BATCH_MAX)
        self._after = found[-1].id if len(found) == BATCH_MAX else NO_UUID
        # A task that has not failed for so long was settled elsewhere.
        old = now - FAILURE_SECONDS
        self._failures = {id: failed for id, failed in self._failures.items() if failed[1] > old}
        due = [task for task in found if self._failures.get(task.id, (0, 0.0))[1] <= now]
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        return sum(await asyncio.gather(*(self._settle(task, limit) for task in due)))

    async def settle_due(self, booking_ids: Sequence[UUID]) -> None:
        """Settle payments of due holds before the holds expire, within SETTLE_SECONDS_MAX in all.

        The limit keeps a silent gateway from blocking seats.
        """
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await asyncio.gather(*(self._settle(OpenTask(id, False), limit) for id in booking_ids))

    async def _settle(self, task: OpenTask, limit: asyncio.Semaphore) -> bool:
        async with limit:
            if task.is_refund:
                return await self._attempt(task.id, lambda: self._processor.settle_refund(task.id))
            return await self._attempt(task.id, lambda: self._processor.settle_payment(task.id))

    async def _attempt(self, id: UUID, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except Exception as error:
            times = self._failures.get(id, (0, 0.0))[0] + 1
            wait = min(self._patience * 2 ** min(times, 10), BACKOFF_SECONDS_MAX)
            self._failures[id] = times, time.monotonic() + wait
            is_expected = isinstance(error, Trouble)
            level = "ERROR" if isinstance(error, GatewayRefused) or not is_expected else "WARNING"
            line = logger.bind(id=id, error=repr(error), again_in=wait)
            line.opt(exception=None if is_expected else error).log(level, "gateway.in_doubt")
            if not is_expected:
                self.task.fail(error, id=id)
            return False
        self._failures.pop(id, None)
        return True
