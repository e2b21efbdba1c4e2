"""Arrays in PostgreSQL's binary format, encoded by the type that the statement declares: `%b::uuid[]`.

A block sends about thirty columns. psycopg inspects every item in Python to find its type, which took as long
as the database needed for the whole block.

Source of the format: `array_recv` and the receive function of each type in PostgreSQL's sources; integers are
in network byte order.
"""

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper

_HEAD = Struct("!iiIii")
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DECLARED = re.compile(r"%b(?:::(\w+)\[\])?")


class Array(bytes):
    """An array in PostgreSQL's binary format."""


class _ArrayDumper(Dumper):
    """Sends an array without a type: the server uses the one that the statement declares."""

    format = pq.Format.BINARY

    def dump(self, obj: Array) -> Array:
        return obj


psycopg.adapters.register_dumper(Array, _ArrayDumper)


def encode_arrays(statement: str, parameters: Sequence[Any]) -> Sequence[Any]:
    """Return the parameters, with each list encoded as an array of its declared type; None becomes null.

    Raises psycopg.DataError for an item that does not fit its type, and for a type without an encoder.
    """
    try:
        return [
            _array(column, value) if type(value) is list else value
            for column, value in zip(_columns(statement), parameters, strict=True)
        ]
    except (AttributeError, KeyError, TypeError, UnicodeEncodeError, struct.error) as problem:
        raise psycopg.DataError(f"not a list of what the statement declares: {problem!r}") from problem


@lru_cache(256)
def _columns(statement: str) -> list[Any]:
    """Return for each placeholder the oid and the encoder of its items, or None if it is no array."""
    return [_TYPES.get(kind) for kind in _DECLARED.findall(statement)]


def _array(column: Any, items: list[Any]) -> Array:
    oid, encode = column
    if not items:
        return Array(_HEAD.pack(0, 0, oid, 0, 0)[:12])
    try:
        return Array(_HEAD.pack(1, 0, oid, len(items), 1) + encode(items))
    except (AttributeError, KeyError, TypeError, struct.error):
        # Most likely there are nulls, which no encoder accepts: a length of -1 and no bytes.
        body = b"".join([_NULL if item is None else encode([item]) for item in items])
        return Array(_HEAD.pack(1, 1, oid, len(items), 1) + body)


def _integers(code: str, size: int) -> Callable[[Iterable[int]], bytes]:
    length, number = _LENGTH(size), Struct("!" + code).pack

    def encode(items: Iterable[int]) -> bytes:
        return length + length.join(map(number, items))

    return encode


def _texts(items: Iterable[str]) -> bytes:
    return _bytes([*map(str.encode, items)])


def _bytes(items: Sequence[bytes]) -> bytes:
    parts = [b""] * (2 * len(items))
    parts[::2], parts[1::2] = map(_LENGTH, map(len, items)), items
    return b"".join(parts)


_UUID_LENGTH = _LENGTH(16)


def _uuids(items: Iterable[Any]) -> bytes:
    return _UUID_LENGTH + _UUID_LENGTH.join([item.int.to_bytes(16, "big") for item in items])


_eight, _four = _integers("q", 8), _integers("i", 4)


def _instants(items: Iterable[datetime]) -> bytes:
    return _eight(map(_microseconds, items))


@lru_cache(256)
def _microseconds(instant: datetime) -> int:
    # Cached because most instants of a block are its own time, in one object with one hash.
    return (instant - _EPOCH) // _MICROSECOND


_BOOL_LENGTH = _LENGTH(1)
_BOOLS = {False: b"\0", True: b"\1"}


def _bools(items: Iterable[bool]) -> bytes:
    return _BOOL_LENGTH + _BOOL_LENGTH.join([_BOOLS[item] for item in items])


def _days(items: Iterable[date]) -> bytes:
    return _four([(item - _EPOCH.date()).days for item in items])


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "text": _texts,
    "bytea": _bytes,
    "uuid": _uuids,
    "int2": _integers("h", 2),
    "int4": _four,
    "int8": _eight,
    "bool": _bools,
    "timestamptz": _instants,
    "date": _days,
}
_TYPES = {kind: (psycopg.adapters.types[kind].oid, encode) for kind, encode in _ENCODERS.items()}
