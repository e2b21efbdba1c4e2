"""One moment of the database, read by any number of connections, and what is read of it in bulk."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from database.connection import conninfo

Connection = psycopg.Connection[tuple[Any, ...]]

# Times are read as text, and nobody may end a transaction that only waits for other processes.
_SESSION = """
    set local timezone to 'UTC'; set local datestyle to 'ISO'; set local jit to off;
    set local idle_in_transaction_session_timeout to 0
"""
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_MEANT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@contextmanager
def moment(url: str, snapshot: str | None = None) -> Iterator[Connection]:
    """A connection that sees the database as of now, or as of the moment that `snapshot` names.

    Raises psycopg.Error.
    """
    name = conninfo(url, "seatledger verify")
    with psycopg.connect(name, autocommit=True, client_encoding="utf8") as connection:
        connection.execute("begin isolation level repeatable read read only")
        if snapshot is not None:
            connection.execute(sql.SQL("set transaction snapshot {}").format(snapshot))
        connection.execute(_SESSION)
        yield connection


def snapshot_of(connection: Connection) -> str:
    """The name of its moment, for other connections, as long as this one's transaction is open."""
    (name,) = connection.execute("select pg_export_snapshot()").fetchall()[0]
    return str(name)


def copied(
    connection: Connection, statement: LiteralString, parameters: Sequence[Any] = ()
) -> Iterator[list[bytes]]:
    """The fields of each row as text, by COPY, which is the fastest way out of the database.

    `statement` is a query without nulls. Read it to its end: the connection can do nothing else meanwhile.
    Its form: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". Raises psycopg.Error.
    """
    query = psycopg.ClientCursor(connection).mogrify(f"copy ({statement}) to stdout", parameters)
    # Row by row from libpq itself: psycopg's own way goes by five functions for each, and takes longer.
    libpq = connection.pgconn
    begun = libpq.exec_(query.encode())
    if begun.status != ExecStatus.COPY_OUT:
        raise error_from_result(begun)
    while True:
        size, view = libpq.get_copy_data(0)
        if size < 0:
            break
        row = bytes(view)
        fields = row[:-1].split(b"\t")
        yield [_unescaped(field) for field in fields] if b"\\" in row else fields
    while result := libpq.get_result():
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)


def _unescaped(field: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), field)
