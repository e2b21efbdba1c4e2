"""A pipeline of statements: any number of them cost one write and one wait.

psycopg's own pipeline waits for the socket twice for each statement, which costs more than the statement.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.abc import Transformer as AdaptTransformer
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from database.arrays import Array, encode_arrays
from database.connection import Connection

_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)


class PendingResult:
    """The result of a statement that was sent; it has rows after `Pipeline.sync`."""

    __slots__ = ("_transformer", "result")

    def __init__(self, transformer: AdaptTransformer) -> None:
        self._transformer = transformer
        self.result: PGresult | None = None

    def rows(self) -> list[tuple[Any, ...]]:
        assert self.result is not None, "not synced yet"
        self._transformer.set_pgresult(self.result)
        return self._transformer.load_rows(0, self.result.ntuples, tuple)


class Pipeline:
    """A connection in pipeline mode for the rest of its life; psycopg's cursors cannot use it.

    Statements are prepared when they are first sent. Parameters (`%b`) and rows travel in binary; a statement
    must declare the types of its lists: `%b::uuid[]`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._dump, self._load = Transformer(connection), Transformer(connection)
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._sent: list[PendingResult | None] = []
        self._pgconn.enter_pipeline_mode()

    def send(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> PendingResult:
        """Queue a statement for `flush` or `sync`; full buffers leave earlier. Raises psycopg.DataError."""
        values: Sequence[Any] = encode_arrays(statement, parameters)
        types: tuple[int, ...] = ()
        if not all(type(value) is Array for value in values):
            values = self._dump.dump_sequence(values, [PyFormat.BINARY] * len(values))
            types = tuple(self._dump.types or ())
        formats = [Format.BINARY] * len(values)
        name = self._prepared.get((statement, types))
        if name is None:
            name = self._prepared[statement, types] = b"ledger_%d" % len(self._prepared)
            self._pgconn.send_prepare(name, _numbered(statement), types)
            self._sent.append(None)
        self._pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        sent = PendingResult(self._load)
        self._sent.append(sent)
        return sent

    def flush(self) -> None:
        """Send all queued statements, so that the server starts on them; `sync` awaits their results.

        Ends with a Sync message; without one PostgreSQL would not start its idle-in-transaction timer.
        """
        self._pgconn.pipeline_sync()
        self._sent.append(None)
        self._pgconn.flush()

    async def sync(self) -> None:
        """Flush, and await all results. Raises the first error; close the connection after one."""
        self.flush()
        awaited, self._sent = self._sent, []
        for sent, result in zip(
            awaited, await self._connection.wait(self._answers(len(awaited))), strict=True
        ):
            if result.status in _FAILED:
                raise error_from_result(result)
            if sent:
                sent.result = result

    def _answers(self, count: int) -> PQGen[list[PGresult]]:
        yield from generators.send(self._pgconn)
        answers = []
        for _ in range(count):
            results = yield from generators.fetch_many(self._pgconn)
            if not results:
                raise psycopg.OperationalError("the connection was lost")
            answers.append(results[0])
        return answers


def _numbered(statement: str) -> bytes:
    """Return the statement with parameters in PostgreSQL's notation: $1, $2, …"""
    first, *rest = statement.split("%b")
    return (first + "".join(f"${number}{text}" for number, text in enumerate(rest, 1))).encode()
