"""The writer: gathers submissions into blocks, one transaction each, and answers only after COMMIT."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import psycopg
from loguru import logger

from ledger.block import Block, HandlerFailed
from ledger.block_input import BlockInput
from ledger.submission import Answer, Overloaded, Submission, Unavailable
from runtime.settings import Settings

BLOCK_MAX = 64
"""Commands a block. More would make the first wait for the last; the next block gathers meanwhile."""

HALVED_MIN = 24
"""Of a block of as many PostgreSQL writes one half while the other is decided. Statements of their own for it
cost more than that saves where there are fewer."""

QUEUE_MAX = 1024
"""Submissions waiting. Beyond that a caller is told at once to come back later."""

BACKOFF_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class BlockStore(Protocol):
    """What a writer asks of its store, which is `ledger.store.Store`; errors are psycopg's."""

    async def lock(self) -> None: ...

    async def load(self, submissions: Sequence[Submission], /) -> BlockInput: ...

    def send_ahead(self, block: Block, /) -> None: ...

    async def write(self, block: Block, /) -> None: ...

    async def abandon(self) -> None: ...

    async def close(self) -> None: ...

    def socket_deadline(self, seconds: float, /) -> AbstractContextManager[None]:
        """Whatever waits on the store for longer fails with OperationalError."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """Submissions that are decided one after another in the same block.

    `atomic`: holds on the same flight are all granted, or none of them is.
    """

    submissions: Sequence[Submission]
    atomic: bool
    answers: asyncio.Future[list[Answer]]

    @property
    def stands_alone(self) -> bool:
        return self.submissions[0].stands_alone


class Writer:
    """One for each process. `submit` from any task of the loop it was started in, whose time it goes by."""

    def __init__(self, connect: Callable[[], Awaitable[BlockStore]], settings: Settings) -> None:
        self._connect = connect
        self._settings = settings
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._store: BlockStore | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._last_size = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="writer")

    async def close(self) -> None:
        """Write what waits, bounded by the deadline, then stop."""
        self._closing = True
        self._wake.set()
        if self._task:
            await asyncio.wait({self._task}, timeout=self._settings.deadline_seconds)
            self._task.cancel()
        await self._disconnect()

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        return self._closing or len(self._queue) >= QUEUE_MAX

    async def submit(self, submission: Submission) -> Answer:
        """The command's answer, after COMMIT.

        Raises Overloaded when the queue is full, Unavailable when the deadline passes first.
        """
        (answer,) = await self.submit_all([submission])
        return answer

    async def submit_all(self, submissions: Sequence[Submission], atomic: bool = False) -> list[Answer]:
        """Answers to commands that share a block; `atomic`: holds on a flight are all granted, or none is.

        Raises as `submit` does.
        """
        if self.is_full:
            raise Overloaded
        loop = asyncio.get_running_loop()
        waiting = _Waiting(submissions, atomic, loop.create_future())
        self._queue.append(waiting)
        self._wake.set()
        timer = loop.call_later(self._settings.deadline_seconds, _give_up, waiting)
        try:
            return await waiting.answers
        finally:
            timer.cancel()

    async def _run(self) -> None:
        while not (self._closing and not self._queue):
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
            batch: list[_Waiting] = []
            self._gather(batch)
            try:
                await self._settle(batch)
            except Exception as error:
                logger.bind(error=repr(error)).exception("block.failed")
                await self._disconnect()  # or the transaction that it was in would keep the lock
                _fail(batch, error)

    def _gather(self, batch: list[_Waiting]) -> None:
        """Move to the batch who waits, as far as there is room."""
        commands = sum(len(waiting.submissions) for waiting in batch)
        while self._queue:
            commands += len(self._queue[0].submissions)
            if batch and (commands > BLOCK_MAX or batch[0].stands_alone or self._queue[0].stands_alone):
                break
            batch.append(self._queue.popleft())

    async def _settle(self, batch: list[_Waiting], alone: bool = False) -> None:
        """Run the block until it is committed or nobody waits any more.

        An error says nothing about what was committed: the block is run again, and finds out by its keys.
        Unless `alone`, those who come while it waits for the head lock join the batch.
        """
        for attempt in range(10_000):
            batch[:] = [waiting for waiting in batch if not waiting.answers.done()]
            if not batch:
                return
            try:
                await self._write(batch, alone)
                return
            except HandlerFailed as failure:
                await self._disconnect()
                logger.bind(operation=failure.submission.operation).opt(exception=failure).error(
                    "command.failed"
                )
                _fail([w for w in batch if any(s is failure.submission for s in w.submissions)], failure)
            except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
                await self._disconnect()
                await self._isolate(batch, error)
                return
            except (psycopg.Error, OSError) as error:
                await self._disconnect()
                logger.bind(error=str(error), attempt=attempt, commands=len(batch)).warning("block.retried")
                await asyncio.sleep(BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)])

    async def _isolate(self, batch: list[_Waiting], error: Exception) -> None:
        """The database refuses something in the block for good: each command alone shows which one."""
        if len(batch) > 1:
            for waiting in batch:
                await self._settle([waiting], alone=True)
        else:
            operation = batch[0].submissions[0].operation
            logger.bind(operation=operation).opt(exception=error).error("command.failed")
            _fail(batch, error)

    async def _write(self, batch: list[_Waiting], alone: bool) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        if self._store is None:
            self._store = await self._connect()
        store = self._store
        with store.socket_deadline(self._settings.deadline_seconds):
            if not alone and max(len(batch), self._last_size) > 1:
                # Where there are several callers, more may come while the block of another process commits:
                # fewer and fuller blocks cost less. A lone caller is spared the round trip.
                await store.lock()
                self._gather(batch)
            self._last_size = len(batch)
            submissions = [submission for waiting in batch for submission in waiting.submissions]
            loaded = await store.load(submissions)
            first_position = loaded.position + 1
            block = Block(loaded)
            answers: list[list[Answer]] = []
            for number, waiting in enumerate(batch, 1):
                answers.append(block.decide_all(waiting.submissions, waiting.atomic))
                if loaded.people:
                    answers[-1] = [loaded.people.shown(answer) for answer in answers[-1]]
                if number == len(batch) // 2 and len(batch) >= HALVED_MIN:
                    store.send_ahead(block)
            if submissions[0].dry_run:
                await store.abandon()
                answers = [[replace(answer, position=loaded.position) for answer in answers[0]]]
            else:
                await store.write(block)
        for waiting, answered in zip(batch, answers, strict=True):
            if not waiting.answers.done():
                waiting.answers.set_result(answered)
        logger.bind(
            commands=len(submissions),
            events=len(block.events),
            first_position=first_position,
            position=block.position,
            milliseconds=round((clock() - started) * 1000, 2),
        ).debug("block.committed")

    async def _disconnect(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.close()


def _give_up(waiting: _Waiting) -> None:
    if not waiting.answers.done():
        waiting.answers.set_exception(Unavailable())


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answers.done():
            waiting.answers.set_exception(error)
