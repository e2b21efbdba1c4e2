"""The head of the log: the position and the time at which a query is answered."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Generic, LiteralString, NamedTuple, TypeVar

from psycopg import AsyncConnection

T = TypeVar("T")


class QueryResult(NamedTuple, Generic[T]):
    """The result of a query, and the position of the log that it reflects, from one snapshot."""

    position: int
    value: T


class Rows(list[T]):
    """Rows of a list. `upto` is the sort key at which their search stopped before the end, or None."""

    upto: Any = None


def stop_of(rows: list[Any]) -> Any:
    """Return the sort key at which the search of these rows stopped before the end, or None."""
    return rows.upto if isinstance(rows, Rows) else None


WITH_HEAD: LiteralString = """
    with head as (
        select coalesce(max(position), 0) as position, greatest(clock_timestamp(), max(recorded_at)) as now
        from (select position, recorded_at from events order by position desc limit 1) as last
    )
"""
"""Start of a query. `head` is one row, even for an empty log; its time is never before the last event."""

ID_ARRAY: LiteralString = "(select %b)::uuid[]"
"""Parameter for an array of ids. A subquery hides the array from the planner, which otherwise plans short
arrays anew each time; that takes longer than finding the rows.
"""


async def rows(
    connection: AsyncConnection[Any], statement: LiteralString, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Return all rows of a prepared query, in binary. A query from `head` has at least one row."""
    cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
    return await cursor.fetchall()


async def position(connection: AsyncConnection[Any]) -> int:
    return (await head(connection))[0]


async def head(connection: AsyncConnection[Any]) -> tuple[int, datetime]:
    """Return the last position and the ledger's current time."""
    ((position, now),) = await rows(connection, WITH_HEAD + "select * from head", ())
    return position, now


@asynccontextmanager
async def snapshot(connection: AsyncConnection[Any]) -> AsyncIterator[int]:
    """Run several statements on one snapshot of the log. Yields its position."""
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        yield await position(connection)
