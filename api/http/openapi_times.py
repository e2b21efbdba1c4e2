"""The format of times in the schemas of the OpenAPI document, which msgspec leaves out."""

from collections.abc import Iterable
from typing import Any

from msgspec import inspect


def state_time_formats(schemas: dict[str, Any], types: Iterable[Any]) -> None:
    """Add `format: date-time` to the times in the schemas of these structs and of all structs inside."""
    found: list[Any] = list(inspect.multi_type_info(types))
    known: set[Any] = set()
    while found:
        kind = found.pop()
        if isinstance(kind, inspect.StructType) and kind.cls not in known:
            known.add(kind.cls)
            found += [field.type for field in kind.fields]
            for field in kind.fields:
                if _is_time(field.type):
                    _state(schemas[kind.cls.__name__]["properties"][field.encode_name])
        found += [kind.item_type] if isinstance(kind, inspect.ListType | inspect.VarTupleType) else []
        found += kind.types if isinstance(kind, inspect.UnionType) else []
        found += [kind.type] if isinstance(kind, inspect.Metadata) else []


def _is_time(kind: Any) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(isinstance(one, inspect.DateTimeType) for one in kind.types)
    return isinstance(kind, inspect.DateTimeType)


def _state(schema: dict[str, Any]) -> None:
    texts = [one for one in schema.get("anyOf", [schema]) if one.get("type") == "string"]
    for text in texts:
        text["format"] = "date-time"
