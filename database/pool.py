"""The connections of a process to one database: a bounded number, which all ledgers in it share."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Protocol

import psycopg

from database.connection import Connection, connect, conninfo, socket_deadline, switch_statement
from database.naming import MAIN_SCHEMA

NAME = "seatledger reader"

SETTLED_SECONDS = 1.0
"""A connection that a ledger has just used stays with it, while there is place for another one."""

IDLE_SECONDS, MAIN_IDLE_SECONDS = 30.0, 600.0
"""Time after which an unused connection is closed; the ledger `main` keeps its last one."""

AGE_SECONDS_MAX = 3600.0
"""Older connections are replaced: a session remembers something of each ledger that it has worked on."""

RETRY_SECONDS = 0.2


class NoConnection(psycopg.OperationalError):
    """All connections of the process to this database stayed busy, or none could be opened in time."""


class Lent:
    """A connection, and the ledger that its session works on."""

    __slots__ = ("connection", "opened_at", "schema", "settled_until", "used_at")

    def __init__(self, connection: Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self.opened_at = self.used_at = self.settled_until = monotonic()

    @property
    def is_alive(self) -> bool:
        """False if the server has closed the connection; found without a round trip."""
        with suppress(psycopg.Error):
            # The first call reads the server's last message, the second one notices the closed socket.
            self.connection.pgconn.consume_input()
            self.connection.pgconn.consume_input()
            return not self.connection.closed
        return False

    @property
    def is_reusable(self) -> bool:
        status = self.connection.info.transaction_status
        return status == psycopg.pq.TransactionStatus.IDLE and monotonic() - self.opened_at < AGE_SECONDS_MAX

    def close(self) -> None:
        self.connection.pgconn.finish()


class Yielding(Protocol):
    """A user of a connection that gives it up while it does not need it, such as a ledger's writer."""

    idle_since: float | None
    """None while it is at work, or has no connection."""

    async def disconnect(self) -> None: ...


class ConnectionPool:
    """At most `size` connections at a time. When all are busy, callers wait in order.

    A place is the right to have one connection. Queries share connections: one that works on another ledger
    is switched by one statement, and PostgreSQL then plans prepared statements again. All other users take a
    place and connect by themselves.
    """

    def __init__(self, size: int, name: str = NAME, is_sandbox: bool = False) -> None:
        self._name = name
        self._is_sandbox = is_sandbox
        self._size = self._free = size
        self._idle: list[Lent] = []  # the latest used one comes last
        self._waiting: deque[tuple[asyncio.Future[Lent | None], bool]] = deque()
        self._reaping: asyncio.TimerHandle | None = None
        self._nesting = asyncio.Semaphore(max(1, size // 4))
        self.yielding: set[Yielding] = set()

    @property
    def in_use(self) -> int:
        """Number of open connections, and of those that are being opened."""
        return self._size - self._free

    @property
    def is_wanted(self) -> bool:
        """True if callers wait for a place."""
        return bool(self._waiting)

    async def get(self, url: str, schema: str, seconds: float, patient: bool = True) -> Lent:
        """Return a connection that works on the ledger of `url` in `schema`; `put` takes it back.

        If `patient`, connecting is tried again for so many seconds. Raises psycopg.Error.
        """
        until = monotonic() + seconds
        while True:
            lent = self._pick(schema) or await self._place(until, shares=True)
            if lent is None:
                return await self._open(url, schema, until, patient)
            if not lent.is_alive:
                self.discard(lent)
                self.drop_idle()
                continue
            if lent.schema != schema:
                await self._switch(lent, url, schema, until)
            return lent

    def put(self, lent: Lent) -> None:
        """Take back a connection, and give it to the next caller."""
        if lent.connection.broken:
            self.drop_idle()
        if not lent.is_reusable:
            self.discard(lent)
            return
        lent.used_at = monotonic()
        lent.settled_until = lent.used_at + SETTLED_SECONDS
        if future := self._next_waiting():
            waiting, shares = future
            if not shares:
                lent.close()
            waiting.set_result(lent if shares else None)
            return
        self._idle.append(lent)
        if self._reaping is None:
            self._reaping = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._reap)

    def discard(self, lent: Lent) -> None:
        """Close a connection instead of giving it back."""
        lent.close()
        self.release_place()

    @asynccontextmanager
    async def place(self, seconds: float) -> AsyncIterator[None]:
        """Lend the right to open one connection. Raises NoConnection."""
        await self.take_place(seconds)
        try:
            yield
        finally:
            self.release_place()

    @asynccontextmanager
    async def nesting_place(self, seconds: float) -> AsyncIterator[None]:
        """Lend a place to a holder that needs others meanwhile: a quarter at most, so all can go on."""
        try:
            async with asyncio.timeout(seconds):
                await self._nesting.acquire()
        except TimeoutError:
            raise NoConnection(str(NoConnection.__doc__)) from None
        try:
            async with self.place(seconds):
                yield
        finally:
            self._nesting.release()

    async def take_place(self, seconds: float) -> None:
        """Take the right to open one connection, until `release_place`. Raises NoConnection."""
        if not self._free and self._idle:
            self.discard(self._idle.pop(0))
        await self._place(monotonic() + seconds, shares=False)

    def release_place(self) -> None:
        if future := self._next_waiting():
            future[0].set_result(None)
        else:
            self._free += 1

    def unsettle(self, schema: str) -> None:
        """Let other ledgers use the connections that this one has just used."""
        for lent in self._idle:
            if lent.schema == schema:
                lent.settled_until = 0.0

    def drop_idle(self, schema: str | None = None) -> None:
        """Close the unused connections, or those of one ledger.

        After one broke, the server may be lost to all of them, and no socket need say so.
        """
        for lent in [lent for lent in self._idle if schema in (None, lent.schema)]:
            self._idle.remove(lent)
            self.discard(lent)
        if not self._idle and self._reaping:
            self._reaping.cancel()
            self._reaping = None

    def _pick(self, schema: str) -> Lent | None:
        """Take a connection of the ledger, else one that another has not just used, the latest used of each.

        So those that are not needed stay unused, and are closed. Without a free place, take the one that was
        left unused for longest.
        """
        now = monotonic()
        chosen = next((lent for lent in reversed(self._idle) if lent.schema == schema), None) or next(
            (lent for lent in reversed(self._idle) if lent.settled_until <= now), None
        )
        if chosen is None and self._idle and not self._free:
            chosen = self._idle[0]
        if chosen is not None:
            self._idle.remove(chosen)
        return chosen

    async def _place(self, until: float, shares: bool) -> Lent | None:
        """Take a place, or, if the caller shares connections, one that is given back meanwhile."""
        if not self._free:
            await self._relieve()
        if self._free and not self._waiting:
            self._free -= 1
            return None
        future: asyncio.Future[Lent | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, shares))
        try:
            async with asyncio.timeout(until - monotonic()):
                return await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                self._give_back(future.result())
            future.cancel()
            if isinstance(error, TimeoutError):
                raise NoConnection(str(NoConnection.__doc__)) from None
            raise

    def _give_back(self, lent: Lent | None) -> None:
        if lent is None:
            self.release_place()
        else:
            self.put(lent)

    async def _relieve(self) -> None:
        """Disconnect the writer that has been without work for longest."""
        idle = [one for one in self.yielding if one.idle_since is not None]
        if idle:
            await min(idle, key=lambda one: one.idle_since or 0.0).disconnect()

    def _next_waiting(self) -> tuple[asyncio.Future[Lent | None], bool] | None:
        while self._waiting:
            future, shares = self._waiting.popleft()
            if not future.done():
                return future, shares
        return None

    async def _open(self, url: str, schema: str, until: float, patient: bool) -> Lent:
        try:
            async with asyncio.timeout(until - monotonic()):
                while True:
                    try:
                        return Lent(await connect(url, self._name), schema)
                    except psycopg.OperationalError:
                        if not patient:
                            raise
                        await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            self.release_place()
            raise NoConnection(str(NoConnection.__doc__)) from None
        except BaseException:
            self.release_place()
            raise

    async def _switch(self, lent: Lent, url: str, schema: str, until: float) -> None:
        try:
            with socket_deadline(lent.connection, max(until - monotonic(), 0.1)):
                await lent.connection.execute(switch_statement(url, self._is_sandbox), prepare=False)
        except BaseException:
            self.discard(lent)
            raise
        lent.schema = schema

    def _reap(self) -> None:
        """Close connections that were not used for long."""
        self._reaping = None
        now, kept = monotonic(), max((lent.used_at for lent in self._idle if _is_main(lent)), default=None)
        for lent in list(self._idle):
            limit = MAIN_IDLE_SECONDS if _is_main(lent) else IDLE_SECONDS
            if now - lent.used_at >= limit and lent.used_at != kept:
                self._idle.remove(lent)
                self.discard(lent)
        if any(lent.used_at != kept for lent in self._idle):
            self._reaping = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._reap)


def _is_main(lent: Lent) -> bool:
    return lent.schema == MAIN_SCHEMA


class Pools:
    """The pools of a process: one for each database, each of at most `size` connections.

    All ledgers of a process are sandboxes, or all are live.
    """

    def __init__(self, size: int, is_sandbox: bool = False) -> None:
        self._size = size
        self._is_sandbox = is_sandbox
        self._pools: dict[str, ConnectionPool] = {}

    def of(self, url: str) -> ConnectionPool:
        """Return the pool of the database of `url`, whichever ledger in it is meant."""
        key = conninfo(url, NAME)
        if key not in self._pools:
            self._pools[key] = ConnectionPool(self._size, is_sandbox=self._is_sandbox)
        return self._pools[key]
