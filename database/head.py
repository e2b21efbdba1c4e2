"""The head of the log: the position and the instant that every query answers for."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Generic, LiteralString, NamedTuple, TypeVar

from psycopg import AsyncConnection

T = TypeVar("T")


class QueryResult(NamedTuple, Generic[T]):
    """What a query saw, and the position that it reflects: both from one snapshot."""

    position: int
    value: T


WITH_HEAD: LiteralString = """
    with head as (
        select coalesce(max(position), 0) as position, greatest(clock_timestamp(), max(recorded_at)) as now
        from (select position, recorded_at from ledger.events order by position desc limit 1) as last
    )
"""
"""Starts a query: `head` is one row, even for an empty log. Time never runs behind the log's own."""

ID_ARRAY: LiteralString = "(select %b)::uuid[]"
"""Ids that a query asks for. As a subquery, so that the planner does not look into the array: for few ids it
would plan anew each time, which takes longer than finding them.
"""


async def rows(
    connection: AsyncConnection[Any], statement: LiteralString, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """All rows of a query, prepared and in binary: at least one where the query is led by `head`."""
    cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
    return await cursor.fetchall()


async def position(connection: AsyncConnection[Any]) -> int:
    return (await head(connection))[0]


async def head(connection: AsyncConnection[Any]) -> tuple[int, datetime]:
    """The last position, and the ledger's time now."""
    ((position, now),) = await rows(connection, WITH_HEAD + "select * from head", ())
    return position, now


@asynccontextmanager
async def snapshot(connection: AsyncConnection[Any]) -> AsyncIterator[int]:
    """Several statements see the log as of one position, which is given."""
    async with connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        yield await position(connection)
