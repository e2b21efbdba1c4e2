"""Marks for fields that hold personal data. Pseudonyms, sealing and verification derive from these marks."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints


class Personal(Enum):
    """`NAME`: the field names a person, and the log holds a pseudonym.

    `TEXT`: the field is free text about a person, and the log holds it sealed.
    """

    NAME = "name"
    TEXT = "text"


PersonName = Annotated[str, Personal.NAME]
PersonalText = Annotated[str, Personal.TEXT]


def _find_fields(owner: type, kind: Personal) -> tuple[str, ...]:
    hints = get_type_hints(owner, include_extras=True)
    return tuple(name for name, hint in hints.items() if kind in _marks(hint))


def _marks(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _marks(part)


personal_fields: Callable[[type, Personal], tuple[str, ...]] = cache(_find_fields)
"""The names of the fields of a command, event or row that have this mark."""
