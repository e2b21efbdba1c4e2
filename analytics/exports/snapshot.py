"""Rows of a table as of a position, read in one database snapshot."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, LiteralString, NamedTuple, NoReturn

import psycopg
from psycopg import IsolationLevel

from analytics.exports.formulas import neutralise
from analytics.exports.tables import ExportTable, copy_rows
from database.connection import connect_sync
from runtime.failures import CommandFailed
from runtime.settings import WrongSetting

WAIT_SECONDS_MAX = 30.0
"""Limit on waiting for a projection to reach the position."""

POLL_SECONDS = 0.2
STATEMENT_SECONDS_MAX = 3600
PROGRESS_SECONDS = 1.0

Progress = Callable[[str, int], None]
"""Receives the table name and the number of rows so far, about once a second."""


class ExportStopped(CommandFailed):
    """The table cannot be exported at this position now. The message says why and what to do."""


class TablePosition(NamedTuple):
    """Position of a table and head of the log. `hash` is the chain hash at `position`; None at position 0."""

    version: int
    position: int
    head: int
    hash: bytes | None
    recorded_at: datetime | None
    error: str | None


@dataclass(slots=True)
class Rows:
    """The rows as a CSV stream. Reading counts and hashes them.

    The digest is that of the rows with formulas neutralised; `neutral` rows are also read like that.
    """

    mark: TablePosition
    _pieces: Iterator[Any]
    _progress: Callable[[int], None]
    _free_texts: frozenset[int] = frozenset()
    _neutral: bool = False
    error: BaseException | None = None
    """The error that ended reading; libraries that read may hide it in an error of their own."""

    count: int = -1
    _digest: Any = field(default_factory=hashlib.sha256)
    _left: bytearray = field(default_factory=bytearray)
    _reported_at: float = field(default_factory=time.monotonic)

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end. Raises psycopg.Error."""
        try:
            # Each piece from PostgreSQL is one row; the first is the header.
            while len(self._left) < size and (piece := next(self._pieces, None)) is not None:
                row = bytes(piece)
                safe = neutralise(row, self._free_texts) if self._free_texts else row
                self._digest.update(safe)
                self._left += safe if self._neutral else row
                self.count += 1
            if time.monotonic() - self._reported_at > PROGRESS_SECONDS:
                self._reported_at = time.monotonic()
                self._progress(self.count)
        except BaseException as error:
            self.error = error
            raise
        read = bytes(memoryview(self._left)[:size])
        del self._left[:size]
        return read

    def seek(self, offset: int, whence: int = 0) -> NoReturn:
        """Fail: libraries probe for this method, but a stream cannot seek."""
        raise OSError("rows are read once")

    @property
    def digest(self) -> str:
        """The digest of everything read so far."""
        return str(self._digest.hexdigest())


@contextmanager
def rows_at(
    url: str, table: ExportTable, position: int | None, progress: Progress, neutral: bool = False
) -> Iterator[Rows]:
    """Open the table's rows as of the position (default: current). The snapshot lasts for the context.

    `neutral` rows have no formulas in text that callers write.

    A position behind the table's own needs the right to read the log; otherwise the views for analysts
    suffice.
    Raises WrongSetting for a position beyond the log, ExportStopped, and psycopg.Error.
    """
    with connect_sync(url, "seatledger export") as connection:
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
                report = partial(progress, table.name)
                yield Rows(mark, iter(copy), report, table.free_texts, neutral)


def _wait_for(connection: psycopg.Connection[Any], table: ExportTable, position: int | None) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        mark = _mark(connection, table)
        if mark.version != table.version:
            raise ExportStopped(
                f"{table.name} has version {mark.version}, this program needs {table.version}:"
                f" run `seatledger rebuild {table.name}`"
            )
        if position is None or position <= mark.position:
            return
        if position > mark.head:
            raise WrongSetting(f"export: the log ends at position {mark.head}; there is no {position} yet")
        if mark.error:
            raise ExportStopped(f"{table.name} is parked at position {mark.position}: {mark.error}")
        if time.monotonic() > deadline:
            raise ExportStopped(
                f"{table.name} is at position {mark.position} and has not reached {position}:"
                " start a scheduler, which applies the log to it"
            )
        time.sleep(POLL_SECONDS)


def _mark(connection: psycopg.Connection[Any], table: ExportTable) -> TablePosition:
    statement, parameters = (_LOG, None) if table.projection is None else (_CHECKPOINT, (table.name,))
    row = connection.execute(statement, parameters).fetchone()
    return TablePosition(table.version, 0, 0, None, None, None) if row is None else TablePosition(*row)


def _mark_then(connection: psycopg.Connection[Any], now: TablePosition, position: int) -> TablePosition:
    row = connection.execute(_THEN, (position,)).fetchone() or (None, None)
    return now._replace(position=position, hash=row[0], recorded_at=row[1])


# Two of these settings are those of the follower.
_SESSION: LiteralString = f"""
    set statement_timeout = '{STATEMENT_SECONDS_MAX}s'; set work_mem = '64MB'; set jit = off
"""
_CHECKPOINT: LiteralString = """
    select version, position, position + lag_events, hash, recorded_at, error
    from analytics_checkpoints where projection = %s
"""
_LOG: LiteralString = """
    select 1, position, position, hash, recorded_at, null from events order by position desc limit 1
"""
_THEN: LiteralString = "select hash, recorded_at from events where position = %s"
