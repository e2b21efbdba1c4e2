"""One snapshot of the database, in which a table's rows are read as they stood at a position."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, NoReturn

import psycopg
from psycopg import IsolationLevel

from analytics.exports.tables import Table, copy_rows
from database.connection import conninfo
from runtime.settings import WrongSetting

WAIT_SECONDS_MAX = 30.0
"""How long to wait for a projection that has not come to the position yet."""

POLL_SECONDS = 0.2
STATEMENT_SECONDS_MAX = 3600
TELL_SECONDS = 1.0

Progress = Callable[[str, int], None]
"""Told the table and how many rows have come, about once a second."""


class ExportStopped(Exception):
    """The table cannot be exported at this position now; the message says why and what to do."""


class Mark(NamedTuple):
    """How far a table has come, and the log; `hash` is the chain's at `position`, None before its start."""

    version: int
    position: int
    head: int
    hash: bytes | None
    recorded_at: datetime | None
    error: str | None


@dataclass(slots=True)
class Rows:
    """The rows as CSV, to be read in pieces: what passes is counted and hashed."""

    mark: Mark
    _pieces: Iterator[Any]
    _tell: Callable[[int], None]
    trouble: BaseException | None = None
    """What broke while they were read; whoever reads may have wrapped it beyond recognition."""

    count: int = -1
    _digest: Any = field(default_factory=hashlib.sha256)
    _left: bytearray = field(default_factory=bytearray)
    _told_at: float = field(default_factory=time.monotonic)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none when there are no more. Raises psycopg.Error."""
        try:
            # PostgreSQL sends a row in each piece, and the header in the first.
            while len(self._left) < size and (piece := next(self._pieces, None)) is not None:
                self._left += piece
                self.count += 1
            if time.monotonic() - self._told_at > TELL_SECONDS:
                self._told_at = time.monotonic()
                self._tell(self.count)
        except BaseException as error:
            self.trouble = error
            raise
        read = bytes(memoryview(self._left)[:size])
        del self._left[:size]
        self._digest.update(read)
        return read

    def seek(self, offset: int, whence: int = 0) -> NoReturn:
        """Readers look whether it is there; what streams cannot go back."""
        raise OSError("rows are read once")

    @property
    def digest(self) -> str:
        """Of all that was read."""
        return str(self._digest.hexdigest())


@contextmanager
def rows_at(url: str, table: Table, position: int | None, tell: Progress) -> Iterator[Rows]:
    """The table's rows at the position; None: where it is now. The snapshot lasts as long as the context.

    Reading at a position that the table has left behind needs the right to read the log, all else only
    schema analytics. Raises WrongSetting for a position that the log does not have, ExportStopped, and
    psycopg.Error.
    """
    with psycopg.connect(conninfo(url, "seatledger export"), autocommit=True) as connection:
        connection.execute(_SESSION)
        _wait_for(connection, table, position)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            now = _mark(connection, table)
            upto = now.position if position is None else position
            then = upto < now.position
            mark = _mark_then(connection, now, upto) if then else now
            with connection.cursor().copy(copy_rows(table, then), {"after": 0, "upto": upto}) as copy:
                yield Rows(mark, iter(copy), lambda count: tell(table.name, count))


def _wait_for(connection: psycopg.Connection[Any], table: Table, position: int | None) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        mark = _mark(connection, table)
        if mark.version != table.version:
            raise ExportStopped(
                f"{table.name} is of version {mark.version}, this program knows {table.version}:"
                f" run `seatledger rebuild {table.name}`"
            )
        if position is None or position <= mark.position:
            return
        if position > mark.head:
            raise WrongSetting(f"export: the log ends at position {mark.head}; there is no {position} yet")
        if mark.error:
            raise ExportStopped(f"{table.name} stands still at position {mark.position}: {mark.error}")
        if time.monotonic() > deadline:
            raise ExportStopped(
                f"{table.name} has come to position {mark.position} and not to {position}:"
                " does a scheduler run, which brings it up to date?"
            )
        time.sleep(POLL_SECONDS)


def _mark(connection: psycopg.Connection[Any], table: Table) -> Mark:
    statement, parameters = (_LOG, None) if table.projection is None else (_CHECKPOINT, (table.name,))
    row = connection.execute(statement, parameters).fetchone()
    return Mark(table.version, 0, 0, None, None, None) if row is None else Mark(*row)


def _mark_then(connection: psycopg.Connection[Any], now: Mark, position: int) -> Mark:
    row = connection.execute(_THEN, (position,)).fetchone() or (None, None)
    return now._replace(position=position, hash=row[0], recorded_at=row[1])


# Texts come out alike whatever the server's settings are; the rest is as for a batch that follows.
_SESSION: LiteralString = f"""
    set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set client_encoding = 'UTF8';
    set statement_timeout = '{STATEMENT_SECONDS_MAX}s'; set work_mem = '64MB'; set jit = off
"""
_CHECKPOINT: LiteralString = """
    select version, position, position + lag_events, hash, recorded_at, error
    from analytics.checkpoints where projection = %s
"""
_LOG: LiteralString = """
    select 1, position, position, hash, recorded_at, null from ledger.events order by position desc limit 1
"""
_THEN: LiteralString = "select hash, recorded_at from ledger.events where position = %s"
