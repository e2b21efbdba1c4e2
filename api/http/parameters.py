"""Strict parsing of query strings: known names, each once, and ASCII digits for numbers."""

import re
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.http.http_errors import ValidationFailed, wrong_parameter
from api.http.validation import find_errors

T = TypeVar("T", bound=msgspec.Struct)

PARAMETERS_MAX = 40

Position = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Positions = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,29}=[0-9]{1,18}(,[a-z][a-z0-9_]{0,29}=[0-9]{1,18})*(?!\n)$",
        max_length=2000,
    ),
]
"""Positions of several ledgers."""
Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9_-]+(?!\n)$")]


Ledger = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]{0,29}(?!\n)$", description="Name of the ledger, where there are several"),
]


class ReadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Query parameters of all reads. A query may add `position` or `after`, and `as_of`."""

    min_position: Annotated[
        Position | Positions,
        Meta(
            description="Wait until the ledger has reached this position, at most 2 seconds. For several "
            "ledgers: `main=120,ai=45`"
        ),
    ] = 0
    ledger: Ledger | UnsetType = UNSET

    def last_position_in(self, ledger: str) -> int:
        """The highest position of this ledger that the query names. It must be reached for an answer."""
        least = self.min_position
        return max(
            positions_in(least).get(ledger, 0) if isinstance(least, str) else least,
            getattr(self, "position", UNSET) or 0,
            getattr(self, "after", UNSET) or 0,
        )


class EmptyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class CommandQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Query parameters of all commands."""

    dry_run: Annotated[bool, Meta(description="Return the outcome without writing anything")] = False


class ListQuery(ReadQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    limit: Limit = 50
    partial: Annotated[
        bool, Meta(description="Leave out ledgers that do not answer, and name them in `ledgers-missing`")
    ] = False
    cursor: Annotated[Cursor, Meta(description="`next_cursor` of the previous page")] | UnsetType = UNSET

    def build_search(self, search: type[T], **fields: Any) -> T:
        """Build the search from `fields` and the parameters that were sent; others keep their defaults."""
        values = {name: getattr(self, name, UNSET) for name in search.__struct_fields__}
        return search(**fields, **{name: value for name, value in values.items() if value is not UNSET})


def decode(query_string: bytes, kind: type[T]) -> T:
    """Decode a query string. Raises ValidationFailed with all wrong parameters."""
    if not query_string:
        return _convert({}, kind) if _has_required_fields(kind) else _default(kind)
    texts = _split(query_string, _list_fields(kind))
    return _convert({name: _read(name, text, kind) for name, text in texts.items()}, kind)


def _read(name: str, text: str, kind: Any) -> Any:
    """Return the value of a number or truth value, the parts of a list, or other text as it is."""
    if name in _list_fields(kind):
        return text.split(",")
    # int() also accepts "+5", "1_0" and digits of other scripts.
    if name in _integer_fields(kind) and re.fullmatch("[0-9]{1,19}", text):
        return int(text)
    if name in _boolean_fields(kind) and text in ("true", "false"):
        return text == "true"
    return text


def _convert(values: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError:
        lists = _list_fields(kind)
        found = [(_name(pointer), message) for pointer, message in find_errors(values, kind)]
        # An error in a list names the list, because a query string has no path to one of its values.
        errors = [(at if (name := at.partition("/")[0]) not in lists else name, text) for at, text in found]
        raise ValidationFailed(*errors, of="parameter") from None
    except OverflowError:
        raise wrong_parameter("", "A date lies outside the years 1 to 9999") from None


def _name(pointer: str) -> str:
    return pointer.removeprefix("/").replace("~1", "/").replace("~0", "~")


def positions_in(text: str) -> dict[str, int]:
    """Return the position by ledger of `main=120,ai=45`."""
    return {name: int(number) for name, _, number in (one.partition("=") for one in text.split(","))}


def _split(query_string: bytes, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the text of each parameter. Those in `lists` may be given several times, which joins them."""
    pairs = _pairs(query_string)
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values and name not in lists:
            raise wrong_parameter("", "A parameter is given twice")
        values[name] = f"{values[name]},{value}" if name in values else value
    for name, value in pairs:
        if "\x00" in value:
            # PostgreSQL text cannot hold NUL, and no parameter has a use for it.
            raise wrong_parameter(name[:100], "NUL is not allowed")
    return values


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:
        raise wrong_parameter("", "The query string is malformed") from None


def ledger_name(query_string: bytes) -> str | None:
    """Return the parameter `ledger`, None without one. Raises ValidationFailed."""
    if b"ledger=" not in query_string:
        return None
    names = [value for name, value in _pairs(query_string) if name == "ledger"]
    if len(names) > 1:
        raise wrong_parameter("ledger", "A parameter is given twice")
    return names[0] if names else None


@cache
def _default(kind: Any) -> Any:
    return kind()


@cache
def _has_required_fields(kind: Any) -> bool:
    return any(field.required for field in msgspec.structs.fields(kind))


@cache
def _integer_fields(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in msgspec.structs.fields(kind) if _holds_int(field.type))


@cache
def _list_fields(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in msgspec.structs.fields(kind) if _is_list(field.type))


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_is_list(part) for part in get_args(annotation))


@cache
def _boolean_fields(kind: Any) -> frozenset[str]:
    fields = msgspec.structs.fields(kind)
    return frozenset(field.name for field in fields if field.type is bool or bool in get_args(field.type))


def _holds_int(annotation: Any) -> bool:
    return annotation is int or any(_holds_int(part) for part in get_args(annotation))
