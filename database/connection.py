"""Connections to PostgreSQL with time limits on connecting, on dead peers and on waits."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Connection = AsyncConnection[tuple[Any, ...]]

ROLE = "seatledger_writer"

_ALIVE = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq parameters, in seconds, the last in milliseconds: a dead peer is noticed within ten seconds."""


def conninfo(url: str, name: str) -> str:
    """Return the connection string with a name for pg_stat_activity, and time limits where it has none."""
    return make_conninfo(make_conninfo("", **_ALIVE, application_name=name), **conninfo_to_dict(url))


async def connect(url: str, name: str) -> Connection:
    """Return a direct connection in autocommit mode that acts as the writer role."""
    connection = await AsyncConnection.connect(conninfo(url, name), autocommit=True, prepare_threshold=0)
    try:
        await begin_session(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


class PersistentConnection:
    """A direct connection that lasts over rounds of work, and is replaced after it broke."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: Connection | None = None

    async def get(self) -> Connection:
        if self._connection is None:
            self._connection = await connect(self._url, self._name)
        return self._connection

    async def drop_if_broken(self) -> bool:
        """Close the connection if it is broken. Return whether there is none now."""
        if self._connection is not None and self._connection.broken:
            await self.close()
        return self._connection is None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()


async def begin_session(connection: Connection) -> None:
    """Make the session return times in UTC, and give up all rights that the running program does not need."""
    await connection.execute(f"set timezone to 'UTC'; set role {ROLE}", prepare=False)


@contextlib.contextmanager
def socket_deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut the socket down if the block takes longer: waits on it then fail with OperationalError.

    A cancel request would need an answer from the server, and a frozen server gives none.
    """
    handle = asyncio.get_running_loop().call_later(seconds, _sever, connection)
    try:
        yield
    finally:
        handle.cancel()


def _sever(connection: Connection) -> None:
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
