"""The twin of the database: tables in memory, sessions, one head lock, and a clock that can jump."""

import asyncio
from collections import deque
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from uuid import UUID

import psycopg
from psycopg import errors

from domain.read_set import ReadSet
from ledger.block import Block
from ledger.submission import CommandKey
from trials.simulation.tables import Found, Tables

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
"""The database's clock at the start of a simulation."""

IDLE_SECONDS_MAX = 2.0
"""An idle transaction is ended after this time, as `Store.prepare` configures PostgreSQL."""


class Database(Tables):
    """The server: its sessions, their one head lock, and the only clock that decides."""

    def __init__(self) -> None:
        super().__init__()
        self.skew = timedelta(0)
        self.tick = timedelta(microseconds=1)
        self.up = True
        self.lock_holder: Session | None = None
        self.sessions: dict[int, Session] = {}
        self._lock_queue: deque[tuple[Session, asyncio.Future[None]]] = deque()
        self._ids = count(1)
        self._session_numbers = count(1)

    def clock(self) -> datetime:
        """Return the time in whole ticks: with long ones, instants that differ slightly become equal."""
        elapsed = timedelta(seconds=asyncio.get_running_loop().time()) + self.skew
        return EPOCH + elapsed - elapsed % self.tick

    def now(self) -> datetime:
        """Return the log's time, which never goes backwards."""
        refused = (one for one in reversed(self.commands.values()) if one.first_position is None)
        times = [one.recorded_at for one in self.events[-1:]] + [
            one.recorded_at for one in islice(refused, 1)
        ]
        return max([self.clock(), *times])

    def new_id(self) -> UUID:
        """Return ids in the order of their creation, as UUIDv7 does, without its clock and its randomness."""
        return UUID(int=next(self._ids) << 80 | 7 << 76 | 0b10 << 62)

    def connect(self, transaction_seconds: float) -> "Session":
        """Open a session. Raises psycopg.OperationalError while the server is down."""
        if not self.up:
            raise psycopg.OperationalError("connection refused")
        session = Session(self, next(self._session_numbers), transaction_seconds)
        self.sessions[session.number] = session
        return session

    def crash(self) -> None:
        """End every session and open transaction. Committed data stays."""
        self.up = False
        for session in list(self.sessions.values()):
            session.end()

    async def lock(self, session: "Session") -> None:
        """Wait for the lock, first come, first served. Raises psycopg.OperationalError at the time limit."""
        if self.lock_holder is None:
            self.lock_holder = session
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._lock_queue.append((session, turn))
        timer = loop.call_later(session.transaction_seconds, _fail, turn, errors.LockNotAvailable())
        try:
            await turn
        finally:
            timer.cancel()

    def unlock(self, session: "Session") -> None:
        """Release the lock, or leave its queue."""
        for waiting, turn in self._lock_queue:
            if waiting is session:
                _fail(turn, errors.AdminShutdown())
        if self.lock_holder is not session:
            return
        self.lock_holder = None
        while self._lock_queue and self.lock_holder is None:
            waiting, turn = self._lock_queue.popleft()
            if not turn.done():
                self.lock_holder = waiting
                turn.set_result(None)


class Session:
    """The server's side of one connection: at most one transaction, which holds the head lock."""

    def __init__(self, database: Database, number: int, transaction_seconds: float) -> None:
        self.database = database
        self.number = number
        self.transaction_seconds = transaction_seconds
        self._ended = False
        self._waits = False
        self._hung_up = False
        self._idle: asyncio.TimerHandle | None = None

    async def load(self, read_set: ReadSet, keys: Collection[CommandKey]) -> Found:
        """Begin and lock if necessary, then read."""
        if self.database.lock_holder is not self:
            await self.lock()
        self._go_on()
        found = self.database.read(read_set, keys, self.database.now())
        self._wait_for_client()
        return found

    async def lock(self) -> None:
        """Begin and lock. The client must continue within `IDLE_SECONDS_MAX`."""
        self._go_on()
        self._waits = True
        try:
            await self.database.lock(self)
        finally:
            self._waits = False
            if self._hung_up:
                self.end()
        self._go_on()
        self._wait_for_client()

    async def write(self, block: Block) -> None:
        """Insert everything and commit. An error rolls the transaction back and releases the lock."""
        self._go_on()
        try:
            self.database.write(block)
        finally:
            self.database.unlock(self)

    async def abandon(self) -> None:
        """Roll back; the session stays open."""
        self._go_on()
        self.database.unlock(self)

    def hang_up(self) -> None:
        """Close the client's end. A server that waits for the lock notices only once it has the lock."""
        self._hung_up = True
        if not self._waits:
            self.end()

    def end(self) -> None:
        """Roll back and give up the lock."""
        self._ended = True
        if self._idle:
            self._idle.cancel()
        self.database.sessions.pop(self.number, None)
        self.database.unlock(self)

    def _wait_for_client(self) -> None:
        limit = min(self.transaction_seconds, IDLE_SECONDS_MAX)
        self._idle = asyncio.get_running_loop().call_later(limit, self.end)

    def _go_on(self) -> None:
        if self._idle:
            self._idle.cancel()
        if self._ended:
            raise psycopg.OperationalError("server closed the connection unexpectedly")


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
