"""Point reads that arrive together are answered by one statement: what group commit is to writes."""

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

GROUP_MAX = 64
"""Ids in one statement. More would make the first wait for the last; the next group gathers meanwhile."""

WAITING_MAX = 512
"""Reads that wait for a group. Beyond that a caller is told at once to come back later."""

FindAll = Callable[[Connection, Sequence[UUID]], Awaitable[QueryResult[dict[UUID, T]]]]
"""What there is of these ids, all as of one position."""


class _Asked(NamedTuple, Generic[T]):
    id: UUID
    found: asyncio.Future[QueryResult[T | None]]


class BatchedReads(Generic[T]):
    """Rows by id. One group is asked for while the next gathers, so nobody waits for others to come.

    A group begins after all its callers asked, so each sees whatever was committed before that.
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
        self._waiting: deque[_Asked[T]] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def find(self, id: UUID) -> QueryResult[T | None]:
        """The row, or None, and the position. Raises Overloaded, or Unavailable when the deadline passes."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded
        loop = asyncio.get_running_loop()
        asked: _Asked[T] = _Asked(id, loop.create_future())
        self._waiting.append(asked)
        if self._asking is None:
            self._asking = loop.create_task(self._ask(), name="gathered reads")
        timer = loop.call_later(self._seconds, _fail, asked, Unavailable())
        try:
            return await asked.found
        finally:
            timer.cancel()

    async def _ask(self) -> None:
        try:
            while self._waiting:
                size = min(GROUP_MAX, len(self._waiting))
                await self._answer([self._waiting.popleft() for _ in range(size)])
        finally:
            self._asking = None

    async def _answer(self, group: Sequence[_Asked[T]]) -> None:
        """Where the database does not answer, all fail; else only those that fail when they are alone."""
        ids = list({asked.id for asked in group if not asked.found.done()})
        if not ids:
            return
        try:
            async with self._read() as connection:
                position, rows = await self._find_all(connection, ids)
        except (Overloaded, Unavailable) as error:
            for asked in group:
                _fail(asked, type(error)())
        except Exception as error:
            if len(group) == 1:
                _fail(group[0], error)
            else:
                for asked in group:
                    await self._answer([asked])
        else:
            for asked in group:
                if not asked.found.done():
                    asked.found.set_result(QueryResult(position, rows.get(asked.id)))


def _fail(asked: _Asked[T], error: Exception) -> None:
    if not asked.found.done():
        asked.found.set_exception(error)
