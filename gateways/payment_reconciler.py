"""The reconciler: finishes what crashes and silent gateways left between the intent and its outcome."""

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

BATCH_MAX = 128
AT_ONCE_MAX = 16
ASK_SECONDS_MAX = 10.0
BACKOFF_SECONDS_MAX = 30.0
FORGET_SECONDS = 10 * BACKOFF_SECONDS_MAX
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
    """Takes up what nobody has moved for `patience` seconds; what cannot be moved, again after a while."""

    def __init__(self, ledger: Ledger, processor: PaymentProcessor, patience: float) -> None:
        self._ledger = ledger
        self._processor = processor
        self._patience = patience
        self._failures: dict[UUID, tuple[int, float]] = {}
        self._after = NO_UUID

    async def run(self) -> int:
        """The next batch of what is open, in turn, so that none waits for others that cannot be moved.

        How many were brought to rest.
        """
        now = time.monotonic()
        try:
            async with self._ledger.read() as connection:
                found = await find_open_tasks(connection, self._patience, self._after, BATCH_MAX)
        except Trouble as error:
            logger.bind(error=repr(error)).warning("completer.interrupted")
            return 0
        self._after = found[-1].id if len(found) == BATCH_MAX else NO_UUID
        # What has not failed again for so long was moved by somebody else.
        old = now - FORGET_SECONDS
        self._failures = {id: failed for id, failed in self._failures.items() if failed[1] > old}
        due = [task for task in found if self._failures.get(task.id, (0, 0.0))[1] <= now]
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        return sum(await asyncio.gather(*(self._complete(task, limit) for task in due)))

    async def ask(self, booking_ids: Sequence[UUID]) -> None:
        """Before holds with payments on their way are expired: what does the gateway say of them?

        For ASK_SECONDS_MAX in all: a gateway that says nothing must not keep seats from others.
        """
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_SECONDS_MAX):
                await asyncio.gather(*(self._complete(OpenTask(id, False), limit) for id in booking_ids))

    async def _complete(self, task: OpenTask, limit: asyncio.Semaphore) -> bool:
        async with limit:
            if task.is_refund:
                return await self._tried(task.id, lambda: self._processor.settle_refund(task.id))
            return await self._tried(task.id, lambda: self._processor.settle_payment(task.id))

    async def _tried(self, id: UUID, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except Trouble as error:
            times = self._failures.get(id, (0, 0.0))[0] + 1
            wait = min(self._patience * 2 ** min(times, 10), BACKOFF_SECONDS_MAX)
            self._failures[id] = times, time.monotonic() + wait
            level = "ERROR" if isinstance(error, GatewayRefused) else "WARNING"
            logger.bind(id=id, error=repr(error), again_in=wait).log(level, "gateway.in_doubt")
            return False
        self._failures.pop(id, None)
        return True
