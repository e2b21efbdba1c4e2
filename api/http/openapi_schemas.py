"""Schemas of the OpenAPI document: those of msgspec, with formats, types and names that generators expect."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, Literal

import msgspec
from msgspec import inspect

from domain.currencies import CODES, KNOWN

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
_NAMED_ENUMS = {frozenset(KNOWN): "Currency", frozenset(CODES): "PriceCurrency"}
"""Long lists of values that many fields share, and their names."""

_PUBLIC_NAMES = {
    "Check": "HealthCheck",
    "Head": "LogHead",
    "Live": "Liveness",
    "Outcome": "CommandOutcome",
    "Ready": "Readiness",
    "Sort": "FlightSort",
    "Status": "BookingStatus",
    "Waiting": "WaitingParty",
}
"""Names of schemas, where the name of the type makes sense in its module only."""

_CLOSED = "Closed: any other value is refused."
_OPEN = "Open: a later release may add values, so treat an unknown one as such."


class Schemas:
    """Schemas of types, and the components that they refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self.examples: dict[str, dict[str, Any]] = {}
        self.headers: dict[str, dict[str, Any]] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type, and add what it refers to to the components."""
        (schema,), found = msgspec.json.schema_components([kind], ref_template=REFERENCE + "{name}")
        _mark_times(inspect.type_info(kind), schema, found)
        for name, component in found.items():
            if name.startswith("Page_"):
                component["description"] = "One page of a list; `next_cursor` is null on the last one."
            self.components.setdefault(_name(name), self._tidy(component))
        tidy: Schema = self._tidy(schema)
        return tidy

    def share(self, kind: Literal["examples", "headers"], name: str, value: dict[str, Any]) -> Schema:
        """Return a reference to an example or a header, which many answers have."""
        shared, key, number = getattr(self, kind), name, 2
        while shared.setdefault(key, value) != value:
            key, number = f"{name}-{number}", number + 1
        return {"$ref": f"#/components/{kind}/{key}"}

    def _tidy(self, node: Any) -> Any:
        """Return the schema with types of enums, names of components and plain descriptions."""
        if isinstance(node, list):
            return [self._tidy(one) for one in node]
        if not isinstance(node, dict):
            return node
        # A field may be called `title`; the title of a schema only repeats its name.
        named = {name: value for name, value in node.items() if name != "title" or isinstance(value, dict)}
        tidy = {name: self._tidy(value) for name, value in named.items()}
        if "$ref" in tidy:
            tidy["$ref"] = REFERENCE + _name(tidy["$ref"].removeprefix(REFERENCE))
        if isinstance(tidy.get("description"), str):
            tidy["description"] = cleandoc(tidy["description"])
        values = tidy.get("enum")
        if isinstance(values, list):
            tidy.setdefault("type", "string" if all(isinstance(one, str) for one in values) else "integer")
            if name := _NAMED_ENUMS.get(frozenset(values)):
                self.components[name] = {"type": "string", "enum": values, "description": _ABOUT[name]}
                kept = {key: tidy[key] for key in ("description", "default") if key in tidy}
                return {"$ref": REFERENCE + name} | kept
        return tidy


_FILTERS = {"PaymentStatus"}
"""Enums that requests have in filters alone, so that a later release may add values."""


def close_enums(components: dict[str, Schema], requests: Any) -> None:
    """Say of each enum whether it is closed, because requests have it, or open."""
    closed = _reachable(components, requests) - _FILTERS
    for name, component in components.items():
        for enum in _enums(component):
            note = _CLOSED if name in closed else _OPEN
            enum["description"] = f"{enum['description']}\n\n{note}" if "description" in enum else note
    for enum in _enums(requests):
        enum["description"] = _CLOSED


def _reachable(components: dict[str, Schema], start: Any) -> set[str]:
    found: set[str] = set()
    waiting = list(_references(start))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(components[name])
    return found


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(part)


def _references(node: Any) -> Iterator[str]:
    for one in _nodes(node):
        if isinstance(one.get("$ref"), str):
            yield one["$ref"].removeprefix(REFERENCE)


def _enums(node: Any) -> list[Schema]:
    return [one for one in _nodes(node) if isinstance(one.get("enum"), list)]


def _name(name: str) -> str:
    """Return the public name: `FlightPage` for `Page_FlightRow_`."""
    if page := re.fullmatch(r"Page_(\w+)_", name):
        return f"{_name(page[1])}Page"
    short = name.removesuffix("Row")
    return _PUBLIC_NAMES.get(short, short)


def _mark_times(info: inspect.Type, schema: Schema, components: dict[str, Schema]) -> None:
    """Add the format of times, which msgspec leaves out where a time may lack its offset."""
    for struct in _structs(info, set()):
        name = struct.cls.__name__
        if name not in components:  # a generic one, which only the schema itself refers to
            name = schema["$ref"].removeprefix(REFERENCE)
        for field in struct.fields:
            _mark_time(field.type, components[name]["properties"][field.encode_name])
    _mark_time(info, schema)


def _mark_time(info: inspect.Type, schema: Schema) -> None:
    parts = list(_parts(info))
    if any(isinstance(part, inspect.DateTimeType) for part in parts):
        # A union with a time has no other text.
        for one in schema.get("anyOf", [schema]):
            if one.get("type") == "string":
                one["format"] = "date-time"
    for part in parts:
        if isinstance(part, inspect.CollectionType):
            _mark_time(part.item_type, schema.get("items", {}))


def _parts(info: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the type without its marks, or the types of a union."""
    if isinstance(info, inspect.Metadata):
        yield from _parts(info.type)
    elif isinstance(info, inspect.UnionType):
        for one in info.types:
            yield from _parts(one)
    else:
        yield info


def _structs(info: inspect.Type, seen: set[Any]) -> Iterator[inspect.StructType]:
    for part in _parts(info):
        if isinstance(part, inspect.StructType) and id(part) not in seen:
            seen.add(id(part))
            yield part
            for field in part.fields:
                yield from _structs(field.type, seen)
        elif isinstance(part, inspect.CollectionType):
            yield from _structs(part.item_type, seen)


_ABOUT = {
    "Currency": "Code of ISO 4217, also one that is no longer in use.",
    "PriceCurrency": "Code of the current ISO 4217 list.",
}
