"""Arrays in binary format reach PostgreSQL unchanged."""

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest

from database.arrays import encode_arrays

VALUES = {
    "text": ["", "seat 12A", "Zoë 🛫", "null", '{"a": "b\\"}'],
    "bytea": [b"", bytes(range(256))],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1), UUID("01234567-89ab-cdef-0123-456789abcdef")],
    "int2": [-(2**15), -1, 0, 2**15 - 1],
    "int4": [-(2**31), -1, 0, 2**31 - 1],
    "int8": [-(2**63), -1, 0, 2**63 - 1],
    "bool": [True, False],
    "timestamptz": [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 11, 23, 5, 0, 0, 1, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    ],
    "date": [date(1, 1, 1), date(1999, 12, 31), date(2000, 1, 1), date(9999, 12, 31)],
}


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_make_the_round_trip_unchanged(kind, database_url):
    values = VALUES[kind]
    statement = f"select %b::{kind}[]"
    with psycopg.connect(database_url) as connection:
        connection.execute("set timezone to 'UTC'")
        for items in ([], values[:1], values, [None], [None, *values, None]):
            row = connection.execute(statement, encode_arrays(statement, [items]), binary=True).fetchone()
            assert row == (items,)


def test_only_lists_are_arrays():
    parameters = [7, "text", None, (1, 2)]
    assert encode_arrays("select %b, %b::text, %b, %b", parameters) == parameters


@pytest.mark.parametrize(
    ("kind", "wrong"), [("int2", 2**15), ("int8", 2**63), ("int4", "7"), ("text", "\ud800")]
)
def test_an_item_that_does_not_fit_its_type_is_a_data_error(kind, wrong):
    with pytest.raises(psycopg.DataError):
        encode_arrays(f"select %b::{kind}[]", [[wrong]])


def test_every_placeholder_has_a_parameter():
    with pytest.raises(ValueError, match="argument"):
        encode_arrays("select %b, %b", [1])
