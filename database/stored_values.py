"""Stored values: decoded by their shape alone, without the rules that hold for input.

The shape is the names of the fields and their JSON types. Bounds, patterns, code lists and members of enums
are rules: they may be stricter today than on the day on which a value was stored.
"""

import typing
from collections.abc import Callable
from enum import Enum
from functools import cache, lru_cache
from types import UnionType
from typing import Any, NamedTuple, TypeVar

import msgspec

E = TypeVar("E", bound=Enum)


class MembersByValue(dict[str, E]):
    """The members of an enum by value. A value that left the enum gets a member of its own.

    That member has the value and equals no member of the enum, so a decision treats it as none of them.
    """

    def __init__(self, kind: type[E]) -> None:
        super().__init__({member.value: member for member in kind})
        self._kind = kind

    def __missing__(self, value: str) -> Any:
        return _unlisted(self._kind, value)


@lru_cache(maxsize=1024)
def _unlisted(kind: type[Enum], value: str) -> Any:
    member = object.__new__(kind)
    member._name_ = member._value_ = value
    return member


class Shape(NamedTuple):
    """The plain type of stored values, and the function that makes a value of the real type from one.

    `make` is None if the plain type is the real one.
    """

    plain: Any
    make: Callable[[Any], Any] | None = None


def shape_of(kind: Any) -> Shape:
    """Return the shape of a type: an enum, a literal, a struct, a list, an optional one, or any other."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, UnionType):
        return _optional(parts)
    if origin is list:
        plain, make = shape_of(parts[0])
        return Shape(list[plain], lambda items: list(map(make, items))) if make else Shape(kind)  # type: ignore[valid-type]
    if origin is typing.Literal:
        return Shape(type(parts[0]))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Shape(str, MembersByValue(kind).__getitem__)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    return Shape(kind)


@cache
def decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that decodes JSON to a value of this type by its shape."""
    plain, make = shape_of(kind)
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(plain).decode
    return decode if make is None else lambda document: make(decode(document))


def _optional(parts: tuple[Any, ...]) -> Shape:
    shapes = [shape_of(part) for part in parts]
    plain: Any = typing.Union[tuple(shape.plain for shape in shapes)]  # noqa: UP007 - of a computed tuple
    make = next((shape.make for shape in shapes if shape.make), None)
    return Shape(plain, make and (lambda value: value if value in _ABSENT else make(value)))


_ABSENT = (None, msgspec.UNSET)


def _struct(kind: type[msgspec.Struct]) -> Shape:
    """Return a struct without marks and checks, and the function that copies it into the real one."""
    hints = typing.get_type_hints(kind)
    names: dict[str, Any] = {"kind": kind}
    fields: list[Any] = []
    values: list[str] = []
    for field in msgspec.structs.fields(kind):
        plain, make = shape_of(hints[field.name])
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        fields.append((field.name, plain) if field.required else (field.name, plain, default))
        names[f"make_{field.name}"] = make
        values.append(f"make_{field.name}(plain.{field.name})" if make else f"plain.{field.name}")
    twin = msgspec.defstruct(kind.__name__, fields, kw_only=True)
    return Shape(twin, eval(f"lambda plain: kind({', '.join(values)})", names))  # noqa: S307
