"""The pipeline of the store returns rows in order, and raises psycopg's errors."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from database.connection import connect
from database.pipeline import Pipeline


@pytest.fixture
async def pipeline(database_url: str) -> AsyncIterator[Pipeline]:
    connection = await connect(database_url, "test")
    yield Pipeline(connection)
    await connection.close()


async def test_statements_larger_than_the_client_buffer_arrive(pipeline: Pipeline) -> None:
    long = [letter * 70_000 for letter in "abc"]
    sent = [pipeline.send("select %b::text[], %b", (values, 7)) for values in (long, [], long)]
    await pipeline.sync()
    assert [one.rows() for one in sent] == [[(long, 7)], [([], 7)], [(long, 7)]]


async def test_a_statement_is_prepared_once_for_each_type_of_its_parameters(pipeline: Pipeline) -> None:
    for value in ("a", 1, 2**40, "b"):
        one = pipeline.send("select %b, %b::text", (value, "c"))
        await pipeline.sync()
        assert one.rows() == [(value, "c")]
    prepared = pipeline.send(
        "select count(*) from pg_prepared_statements where statement like 'select $1, %'"
    )
    await pipeline.sync()
    assert prepared.rows() == [(3,)]


async def test_the_first_error_at_execution_is_raised(pipeline: Pipeline) -> None:
    for statement in ("select 1", "select 1 / (%b::int4[])[1]", "select 1"):
        pipeline.send(statement, ([0],) if "%b" in statement else ())  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.DivisionByZero):
        await pipeline.sync()


async def test_the_first_error_in_a_statement_is_raised(pipeline: Pipeline) -> None:
    for statement in ("select 1", "select * from nowhere", "select 1"):
        pipeline.send(statement)  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.UndefinedTable):
        await pipeline.sync()


@pytest.mark.parametrize("values", [[1.5], ["a", 1], ["\ud800"], [b"bytes"]])
async def test_a_list_of_another_type_is_a_data_error(pipeline: Pipeline, values: list[Any]) -> None:
    with pytest.raises(psycopg.DataError):
        pipeline.send("select %b::text[]", (values,))
    pipeline.send("select %b::text[]", (["a\0b"],))
    with pytest.raises(psycopg.DataError):
        await pipeline.sync()
