"""The connections that one ledger has lent from the pool of its database: a bounded share of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import psycopg

from database.connection import Connection
from database.naming import schema_of
from database.pool import ConnectionPool, Lent, NoConnection

READERS_MAX = 8
"""Connections that a ledger has at a time in a process, so that a slow one leaves some to the others."""

WAITING_MAX = 512
"""Queries of a ledger that wait for a connection. Beyond it, `take` raises TooManyReaders at once."""


class TooManyReaders(Exception):
    """WAITING_MAX queries wait already."""


class Readers:
    """Lends connections that act as the ledger's writer role. Open it before use."""

    def __init__(self, url: str, pool: ConnectionPool) -> None:
        self._url = url
        self._schema = schema_of(url)
        self._pool = pool
        self._turns = asyncio.Semaphore(READERS_MAX)
        self._waiting = 0
        self._is_open = False

    def open(self) -> None:
        self._is_open = True

    def close(self) -> None:
        """Close the unused connections now, and lent ones when they come back."""
        self._is_open = False
        self._pool.drop_idle(self._schema)

    def rest(self) -> None:
        """Leave the unused connections to other ledgers at once."""
        self._pool.unsettle(self._schema)

    async def take(self, seconds: float, patient: bool = True) -> Lent:
        """Return a connection within so many seconds; `give_back` takes it back.

        If not `patient`, a server that refuses the connection is not tried again.
        Raises TooManyReaders, psycopg.Error.
        """
        if not self._is_open:
            raise NoConnection("the ledger is not open")
        began = monotonic()
        if self._turns.locked():
            await self._wait(seconds)
        else:
            await self._turns.acquire()
        try:
            return await self._pool.get(self._url, self._schema, seconds + began - monotonic(), patient)
        except BaseException:
            self._turns.release()
            raise

    def give_back(self, lent: Lent) -> None:
        self._turns.release()
        if self._is_open:
            self._pool.put(lent)
        else:
            self._pool.discard(lent)

    async def _wait(self, seconds: float) -> None:
        if self._waiting >= WAITING_MAX:
            raise TooManyReaders
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise NoConnection(f"{READERS_MAX} queries of the ledger took longer than that") from None
        finally:
            self._waiting -= 1


@contextmanager
def own_readers(url: str, name: str) -> Iterator[Readers]:
    """Lend one connection that no other ledger shares, under a name for pg_stat_activity."""
    readers = Readers(url, ConnectionPool(1, name))
    readers.open()
    try:
        yield readers
    finally:
        readers.close()


class TaskConnection:
    """A connection that a repeated task keeps during a run, and gives back between two runs."""

    def __init__(self, readers: Readers, seconds: float) -> None:
        self._readers = readers
        self._seconds = seconds
        self._lent: Lent | None = None

    async def get(self) -> Connection:
        """Return the connection. Raises psycopg.Error."""
        if self._lent is None:
            try:
                self._lent = await self._readers.take(self._seconds, patient=False)
            except TooManyReaders as error:
                raise psycopg.OperationalError("too many queries wait for a connection") from error
        return self._lent.connection

    def drop_if_broken(self) -> bool:
        """Give the connection up if it is broken. Return whether there is none now."""
        if self._lent is not None and self._lent.connection.closed:
            self.give_back()
        return self._lent is None

    def give_back(self) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            self._readers.give_back(lent)
