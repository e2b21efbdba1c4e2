"""All errors of a decoded value at once, in words for its sender. msgspec stops at the first error."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec

from domain.commands.fields import WrongField

ERRORS_MAX = 50

Error = tuple[str, str]
"""JSON pointer (RFC 6901) and message."""


def find_errors(value: Any, kind: Any) -> list[Error]:
    """Return the first errors of a value of decoded JSON; none if it is of this kind.

    Raises OverflowError for a date that has no year from 1 to 9999.
    """
    return list(islice(_errors(value, kind, ""), ERRORS_MAX))


def first_error(message: str) -> Error:
    """Return the error in a message of msgspec such as "Expected `int`, got `str` - at `$.price.amount`"."""
    text, _, path = message.partition(" - at `$")
    pointer = path.removesuffix("`").replace("[...]", "").replace(".", "/")
    pointer = re.sub(r"\[(\d+)\]", r"/\1", pointer)
    field = re.fullmatch(r"Object (?:missing required|contains unknown) field `(.*)`", text, re.DOTALL)
    return (pointer + escape(field[1]) if field else pointer), describe(text)


def escape(name: Any) -> str:
    """Return the part of a JSON pointer for a name; `?` for half a surrogate pair, which has no UTF-8."""
    text = str(name)[:100].encode("utf-8", "replace").decode()
    return "/" + text.replace("~", "~0").replace("/", "~1")


def _errors(value: Any, kind: Any, pointer: str) -> Iterator[Error]:
    try:
        msgspec.convert(value, kind, strict=True)
        return
    except msgspec.ValidationError as error:
        first, cause = str(error), error.__cause__
    within = []
    struct, item, entry = _struct_in(kind), _item_in(kind), _entry_in(kind)
    if struct and isinstance(value, dict):
        within = list(islice(_errors_in_fields(value, struct, pointer), ERRORS_MAX))
    elif entry and isinstance(value, dict):
        within = list(islice(_errors_in_entries(value, entry, pointer), ERRORS_MAX))
    elif item and isinstance(value, list):
        found = (_errors(one, item, f"{pointer}/{number}") for number, one in enumerate(value))
        within = list(islice((error for errors in found for error in errors), ERRORS_MAX))
    if within:
        yield from within
    elif isinstance(cause, WrongField):
        yield pointer + escape(cause.field), describe(first)
    else:
        yield pointer, describe(first, kind)


def _errors_in_entries(value: dict[str, Any], entry: tuple[Any, Any], pointer: str) -> Iterator[Error]:
    name, kind = entry
    for key, one in value.items():
        wrong = list(_errors(key, name, pointer + escape(key)))
        yield from wrong or _errors(one, kind, pointer + escape(key))


def _errors_in_fields(value: dict[str, Any], struct: Any, pointer: str) -> Iterator[Error]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    if struct.__struct_config__.forbid_unknown_fields:
        for name in value.keys() - fields.keys():
            yield pointer + escape(name), "Unknown, remove it"
    for name, field in fields.items():
        if name in value:
            yield from _errors(value[name], field.type, pointer + escape(name))
        elif field.required:
            yield pointer + escape(name), "Required"


def describe(message: str, kind: Any = None) -> str:
    """Return a message of msgspec without types of Python and patterns."""
    text = message.partition(" - at `$")[0]
    if text.startswith("Invalid enum value") and (allowed := _allowed_in(kind)):
        return f"Must be one of {', '.join(allowed)}"
    if "matching regex" in text or "does not match" in text:
        like = [f", like {example}" for example in _metadata(kind, "examples") or ()]
        about = "".join(f": {text}" for text in [_metadata(kind, "description")] if text)
        return f"Not in the form that is expected{about}{''.join(like[:1])}"
    if found := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", text):
        return f"Must be {_named(found[1])}, not {_named(found[2])}"
    if found := re.fullmatch(r"Expected `([^`]+)` of length (>=|<=|==) (\d+)", text):
        unit = "characters" if found[1] == "str" and not _item_in(kind) else "entries"
        return f"Must have {_BOUNDS[found[2]]} {found[3]} {unit}"
    if found := re.fullmatch(r"Expected `[^`]+` (>=|<=|>|<) (-?[\d.]+)", text):
        return f"Must be {_BOUNDS[found[1]]} {found[2]}"
    return _INVALID.get(text, text[:300].encode("utf-8", "replace").decode())


_BOUNDS = {
    ">=": "at least",
    "<=": "at most",
    ">": "more than",
    "<": "less than",
    "==": "exactly",
}
_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "a time",
    "date": "a date",
    "uuid": "a UUID",
}
_INVALID = {
    "Invalid UUID": "Must be a UUID",
    "Invalid RFC3339 encoded datetime": "Must be a time like 2030-05-17T10:00:00Z (RFC 3339)",
    "Expected `datetime` with a timezone component": "Must have an offset, as in 2030-05-17T10:00:00Z",
    "Invalid RFC3339 encoded date": "Must be a date like 2030-05-17",
}


def _named(types: str) -> str:
    return " or ".join(_NAMES.get(one, one) for one in types.split(" | "))


def _parts(kind: Any) -> Iterator[Any]:
    """Yield the kind and all kinds that its annotations and unions consist of, but not those of its items."""
    yield kind
    if get_origin(kind) in (Literal, dict) or _is_list(kind):
        return
    for part in get_args(kind):
        yield from _parts(part)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple, Sequence)


def _struct_in(kind: Any) -> Any:
    found = [one for one in _parts(kind) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return found[0] if len(found) == 1 else None


def _item_in(kind: Any) -> Any:
    return next((get_args(one)[0] for one in _parts(kind) if _is_list(one)), None)


def _entry_in(kind: Any) -> Any:
    """Return the types of the names and of the values of an object with any names."""
    return next((get_args(one) for one in _parts(kind) if get_origin(one) is dict), None)


def _allowed_in(kind: Any) -> list[str]:
    allowed: list[str] = []
    for one in _parts(kind):
        if get_origin(one) is Literal:
            allowed += map(str, get_args(one))
        elif isinstance(one, type) and issubclass(one, Enum):
            allowed += [str(member.value) for member in one]
        elif one is NoneType:
            allowed.append("null")
    return allowed


def _metadata(kind: Any, name: str) -> Any:
    """Return this member of the first `Meta` in the annotations that has it."""
    found = (getattr(part, name) for part in _parts(kind) if isinstance(part, msgspec.Meta))
    return next((value for value in found if value), None)
