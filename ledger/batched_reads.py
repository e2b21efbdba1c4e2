"""Batching of reads by id: one statement for all that arrive together, as batch commit does for writes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from database.connection import Connection
from database.head import QueryResult
from ledger.submission import Overloaded, Unavailable

T = TypeVar("T")

BATCH_MAX = 64
"""Maximum ids in one statement. In larger batches the first read would wait for the last one."""

WAITING_MAX = 512
"""Maximum number of queued reads. Beyond it, `find` raises Overloaded at once."""

FindAll = Callable[[Connection, Sequence[UUID]], Awaitable[QueryResult[dict[UUID, T]]]]
"""Reads the rows of these ids that exist, all at one position."""


class _Read(NamedTuple, Generic[T]):
    id: UUID
    row: asyncio.Future[QueryResult[T | None]]


class BatchedReads(Generic[T]):
    """Reads rows by id. While one batch is read, the next one fills; there is no artificial delay.

    A batch starts after all its calls to `find`, so each call returns what was committed before it.
    """

    def __init__(
        self,
        read: Callable[[], AbstractAsyncContextManager[Connection]],
        find_all: FindAll[T],
        seconds: float,
    ) -> None:
        self._read = read
        self._find_all = find_all
        self._seconds = seconds
        self._waiting: deque[_Read[T]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def find(self, id: UUID) -> QueryResult[T | None]:
        """Return the row, or None, and the position. Raises Overloaded, or Unavailable after the deadline."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded
        loop = asyncio.get_running_loop()
        one: _Read[T] = _Read(id, loop.create_future())
        self._waiting.append(one)
        if self._task is None:
            self._task = loop.create_task(self._run(), name="batched reads")
        timer = loop.call_later(self._seconds, _fail, one, Unavailable())
        try:
            return await one.row
        finally:
            timer.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                size = min(BATCH_MAX, len(self._waiting))
                await self._answer([self._waiting.popleft() for _ in range(size)])
        finally:
            self._task = None

    async def _answer(self, batch: Sequence[_Read[T]]) -> None:
        """Read a batch. If the statement fails, each id is read alone, so that only failing ones raise."""
        ids = list({one.id for one in batch if not one.row.done()})
        if not ids:
            return
        try:
            async with self._read() as connection:
                position, rows = await self._find_all(connection, ids)
        except (Overloaded, Unavailable) as error:
            for one in batch:
                _fail(one, type(error)())
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
            else:
                for one in batch:
                    await self._answer([one])
        else:
            for one in batch:
                if not one.row.done():
                    one.row.set_result(QueryResult(position, rows.get(one.id)))


def _fail(one: _Read[T], error: Exception) -> None:
    if not one.row.done():
        one.row.set_exception(error)
