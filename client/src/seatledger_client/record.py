"""The base of all records, and their conversion from and to JSON."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID


@dataclass(frozen=True)
class Record:
    """A value that the server sends. Fields that this version of the client does not know are in `extra`."""

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False, kw_only=True)


class OpenEnum(str, Enum):
    """Text from a set that may grow: a value that this version does not know is a member too."""

    @classmethod
    def _missing_(cls, value: object) -> "OpenEnum | None":
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member

    # The default differs between the versions of Python.
    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]


def decode(kind: Any, value: Any) -> Any:
    """Convert decoded JSON to a record or to another annotated type. Raises ValueError, TypeError."""
    return _decoder(kind)(value)


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    if kind is None:
        return lambda value: None
    if get_origin(kind) is list:
        read_item = _decoder(get_args(kind)[0])
        return lambda values: [read_item(value) for value in values]
    if get_origin(kind) in (Union, UnionType):
        return _union_decoder(get_args(kind))
    if kind is datetime:
        return read_time
    if kind is date:
        return date.fromisoformat
    if isinstance(kind, type) and issubclass(kind, Record):
        return _record_decoder(kind)
    if kind is UUID or (isinstance(kind, type) and issubclass(kind, OpenEnum)):
        return kind
    return lambda value: value


def _union_decoder(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    if len(kinds) > 1:  # no record that the server sends has such a field
        return lambda value: value
    read = _decoder(kinds[0])
    return lambda value: None if value is None else read(value)


def _record_decoder(kind: type[Record]) -> Callable[[Any], Record]:
    hints = get_type_hints(kind)
    readers = {one.name: _decoder(hints[one.name]) for one in fields(kind) if one.name != "extra"}

    def read(members: dict[str, Any]) -> Record:
        known = {name: read(members[name]) for name, read in readers.items() if name in members}
        return kind(**known, extra={name: members[name] for name in members.keys() - readers.keys()})

    return read


def _member(record: Record, name: str) -> Any:
    """Return a field; the id of a record that stands for its id."""
    value = getattr(record, name)
    return value.id if name.endswith("_id") and isinstance(value, Record) else value  # type: ignore[attr-defined]


def read_time(text: str) -> datetime:
    """Read a time of RFC 3339. Python 3.10 reads neither `Z` nor other than 3 or 6 digits of a second."""
    text = re.sub(r"\.([0-9]+)", lambda found: "." + found[1][:6].ljust(6, "0"), text)
    return datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))


def encode(value: Any) -> Any:
    """Convert a value to JSON, without members that are None. Raises ValueError for a time without offset."""
    if isinstance(value, Record):
        return encode({one.name: _member(value, one.name) for one in fields(value) if one.name != "extra"})
    if isinstance(value, Mapping):
        return {name: encode(member) for name, member in value.items() if member is not None}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no offset: give it one, for example tzinfo=timezone.utc")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
