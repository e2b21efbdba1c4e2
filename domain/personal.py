"""Marks for fields that hold personal data. Pseudonyms, sealing and verification derive from these marks."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache, partial
from typing import Annotated, Any, get_args, get_type_hints

import msgspec


class Personal(Enum):
    """`NAME`: the field names a person, and the log holds a pseudonym.

    `TEXT`: the field is free text about a person, and the log holds it sealed.
    """

    NAME = "name"
    TEXT = "text"


PersonName = Annotated[str, Personal.NAME]
PersonalText = Annotated[str, Personal.TEXT]


def _find_fields(kind: Personal, owner: type) -> tuple[str, ...]:
    hints = get_type_hints(owner, include_extras=True)
    return tuple(name for name, hint in hints.items() if kind in _marks(hint))


def _marks(hint: Any) -> Iterator[Any]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _marks(part)


def _find_text_keys(owner: type) -> frozenset[str]:
    hints = get_type_hints(owner, include_extras=True)
    nested = {part for hint in hints.values() for part in _parts(hint) if _is_struct(part)}
    return frozenset(text_fields(owner)).union(*map(text_keys, nested - {owner}))


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _is_struct(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, msgspec.Struct)


name_fields: Callable[[type], tuple[str, ...]] = cache(partial(_find_fields, Personal.NAME))
"""The fields of a command, event or row that name persons."""

text_fields: Callable[[type], tuple[str, ...]] = cache(partial(_find_fields, Personal.TEXT))
"""The fields of a command, event or row that hold personal text."""

text_keys: Callable[[type], frozenset[str]] = cache(_find_text_keys)
"""The fields that hold personal text in a command or event, or in structs inside it."""
