"""The writer: batches submissions into blocks, one transaction each, and answers after COMMIT."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import msgspec
import psycopg
from loguru import logger

from ledger.block import Block, HandlerFailed
from ledger.block_input import BlockInput
from ledger.progress import Progress
from ledger.submission import Answer, Overloaded, Submission, Unavailable
from runtime.settings import Settings
from runtime.timers import Timers

BLOCK_MAX = 64
"""Maximum commands in a block. In larger blocks the first command would wait for the last one."""

TWO_HALVES_MIN = 24
"""Blocks with at least this many commands are written in two halves, so that PostgreSQL and Python overlap.
In smaller blocks, the additional statements cost more than the overlap saves."""

QUEUE_MAX = 1024
"""Maximum number of queued submissions. Beyond it, `submit` raises Overloaded at once."""

BACKOFF_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class BlockStore(Protocol):
    """Interface of the store, implemented by `ledger.store.Store`. Methods raise psycopg.Error."""

    async def lock(self) -> None: ...

    async def load(self, submissions: Sequence[Submission], /) -> BlockInput: ...

    def send_ahead(self, block: Block, /) -> None: ...

    async def write(self, block: Block, /) -> None: ...

    async def abandon(self) -> None: ...

    async def close(self) -> None: ...

    def socket_deadline(self, seconds: float, /) -> AbstractContextManager[None]:
        """Fail a call to the store that takes longer with OperationalError."""


@dataclass(slots=True, eq=False)
class _Request:
    """Submissions that are decided one after another in the same block.

    If `atomic`, they are holds, and all are granted or all refused.
    """

    submissions: Sequence[Submission]
    atomic: bool
    answers: asyncio.Future[list[Answer]]

    @property
    def needs_own_block(self) -> bool:
        return self.submissions[0].needs_own_block

    def give_up(self) -> None:
        if not self.answers.done():
            self.answers.set_exception(Unavailable())


class Writer:
    """Writes blocks; one instance per process. Call `submit` from tasks of the loop that `start` ran in."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[BlockStore]],
        settings: Settings,
        is_wanted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_wanted`: whether other ledgers wait for the connection, which is then closed between blocks."""
        self._connect = connect
        self._settings = settings
        self._queue: deque[_Request] = deque()
        self._deadlines = Timers(settings.deadline_seconds)
        self._wake = asyncio.Event()
        self._store: BlockStore | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._last_size = 0
        self._is_wanted = is_wanted
        self.idle_since: float | None = None
        """When the writer became idle with a connection, which others may then take by `disconnect`."""
        self.progress = Progress()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="writer")

    async def close(self) -> None:
        """Write the queued submissions within the deadline, then stop."""
        self._closing = True
        self._wake.set()
        if self._task:
            await asyncio.wait({self._task}, timeout=self._settings.deadline_seconds)
            self._task.cancel()
        await self.disconnect()

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        return self._closing or len(self._queue) >= QUEUE_MAX

    async def submit(self, submission: Submission) -> Answer:
        """Submit a command and return its answer after COMMIT.

        Raises Overloaded when the queue is full, Unavailable when the deadline passes first.
        """
        (answer,) = await self.submit_all([submission])
        return answer

    async def submit_all(self, submissions: Sequence[Submission], atomic: bool = False) -> list[Answer]:
        """Submit commands that share a block.

        If `atomic`, they are holds with distinct keys: all are granted, or all are refused for the same
        reason, or all are replayed. Raises as `submit` does.
        """
        if self.is_full:
            raise Overloaded
        request = _Request(submissions, atomic, asyncio.get_running_loop().create_future())
        self._queue.append(request)
        self._wake.set()
        timer = self._deadlines.start(request.give_up)
        try:
            return await request.answers
        finally:
            timer.cancel()

    async def _run(self) -> None:
        while not (self._closing and not self._queue):
            if not self._queue:
                await self._rest()
            batch: list[_Request] = []
            self._fill(batch)
            self.progress.start(self._settings.deadline_seconds)
            try:
                await self._commit(batch)
            except Exception as error:
                self.progress.fail(error)
                logger.bind(error=repr(error)).exception("block.failed")
                await self.disconnect()  # otherwise its open transaction would keep the lock
                _fail(batch, error)
            finally:
                self.progress.end()

    async def _rest(self) -> None:
        """Wait for submissions."""
        if self._store is not None:
            if self._is_wanted():
                await self.disconnect()
            else:
                self.idle_since = monotonic()
        self._wake.clear()
        if not self._queue and not self._closing:
            await self._wake.wait()
        self.idle_since = None

    def _fill(self, batch: list[_Request]) -> None:
        """Move queued requests to the batch until it is full."""
        if batch and batch[0].needs_own_block:
            return
        commands = sum(len(request.submissions) for request in batch)
        while self._queue:
            commands += len(self._queue[0].submissions)
            needs_own_block = self._queue[0].needs_own_block
            if batch and (commands > BLOCK_MAX or needs_own_block):
                break
            batch.append(self._queue.popleft())
            if needs_own_block:
                break

    async def _commit(self, batch: list[_Request], alone: bool = False) -> None:
        """Run the block until it is committed or every request has passed its deadline.

        After an error it is unknown whether the block was committed: the next run finds committed commands
        by their keys. Unless `alone`, requests that arrive during the wait for the head lock join the batch.
        """
        for attempt in range(10_000):
            batch[:] = [request for request in batch if not request.answers.done()]
            if not batch:
                return
            try:
                await self._write(batch, alone)
                return
            except HandlerFailed as failure:
                self.progress.decide()  # the other commands of the block can be
                await self.disconnect()
                logger.bind(operation=failure.submission.operation).opt(exception=failure).error(
                    "command.failed"
                )
                _fail([w for w in batch if any(s is failure.submission for s in w.submissions)], failure)
            except psycopg.errors.UndefinedTable as error:
                # The ledger was moved. Nothing was written here, and a repeat goes to its new server.
                self.progress.fail(error)
                await self.disconnect()
                logger.bind(error=str(error)).warning("ledger.gone")
                _fail(batch, Unavailable())
                return
            except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
                self.progress.fail(error)
                await self.disconnect()
                await self._isolate(batch, error)
                return
            except (psycopg.Error, OSError) as error:
                self.progress.fail(error)
                await self.disconnect()
                logger.bind(error=str(error), attempt=attempt, commands=len(batch)).warning("block.retried")
                await asyncio.sleep(BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)])

    async def _isolate(self, batch: list[_Request], error: Exception) -> None:
        """Run each request in a block of its own, to find the one that the database rejects."""
        if len(batch) > 1:
            for request in batch:
                await self._commit([request], alone=True)
        else:
            operation = batch[0].submissions[0].operation
            logger.bind(operation=operation).opt(exception=error).error("command.failed")
            _fail(batch, error)

    async def _write(self, batch: list[_Request], alone: bool) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        if self._store is None:
            self._store = await self._connect()
        store = self._store
        with store.socket_deadline(self._settings.deadline_seconds):
            if not alone and max(len(batch), self._last_size) > 1:
                # With several callers, more requests may arrive while another process commits its block, and
                # fewer but larger blocks cost less. A single caller is spared the additional round trip.
                await store.lock()
                self._fill(batch)
            self._last_size = len(batch)
            submissions = [submission for request in batch for submission in request.submissions]
            block_input = await store.load(submissions)
            first_position = block_input.position + 1
            block = Block(block_input)
            answers: list[list[Answer]] = []
            for number, request in enumerate(batch, 1):
                decided = block.decide_all(request.submissions, request.atomic)
                answers.append([block_input.people.decrypt_names(answer) for answer in decided])
                if number == len(batch) // 2 and len(batch) >= TWO_HALVES_MIN:
                    store.send_ahead(block)
            if submissions[0].dry_run:
                await store.abandon()
                answers = [[msgspec.structs.replace(a, position=block_input.position) for a in answers[0]]]
            else:
                await store.write(block)
        self.progress.decide()
        for request, batch_answers in zip(batch, answers, strict=True):
            if not request.answers.done():
                request.answers.set_result(batch_answers)
        logger.bind(
            commands=len(submissions),
            events=len(block.events),
            first_position=first_position,
            position=block.position,
            milliseconds=round((clock() - started) * 1000, 2),
        ).debug("block.committed")

    async def disconnect(self) -> None:
        """Close the connection. An error of that is logged, because it must not end the writer."""
        store, self._store, self.idle_since = self._store, None, None
        if store is None:
            return
        try:
            await store.close()
        except Exception as error:
            logger.bind(error=repr(error)).warning("block.not_disconnected")


def _fail(batch: list[_Request], error: Exception) -> None:
    for request in batch:
        if not request.answers.done():
            request.answers.set_exception(error)
