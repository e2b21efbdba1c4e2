"""Schemas of the OpenAPI document as types and expressions of Python."""

import json
import re
from collections.abc import Iterator
from textwrap import fill
from typing import Any

from client.generator.names import TEXTS, python_name, record_name

Schema = dict[str, Any]
WIDTH = 98


def references(schema: Any) -> Iterator[str]:
    """Yield the names of the schemas to which a schema refers itself."""
    yield from re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(schema))


def annotation(schema: Schema, in_body: bool, prefix: str = "") -> str:
    """Return the type of a value."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "str" if name in TEXTS else prefix + record_name(name)
    if "anyOf" in schema:
        kinds = dict.fromkeys(annotation(one, in_body, prefix) for one in schema["anyOf"])
        return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))
    if schema.get("type") == "array":
        kind = annotation(schema["items"], in_body, prefix)
        return f"Sequence[{kind}]" if prefix else f"list[{kind}]"
    formats = {"uuid": "Id" if in_body else "UUID", "date-time": "datetime", "date": "date"}
    if schema.get("format") in formats:
        return str(formats[schema["format"]])
    kinds = {"integer": "int", "boolean": "bool", "string": "str", "null": "None", "number": "float"}
    return str(kinds.get(schema.get("type", "string" if "enum" in schema else ""), "Any"))


def value(name: str, schema: Schema) -> str:
    """Return the expression that converts an argument for the body or the query."""
    name = python_name(name)
    if schema.get("format") == "uuid":
        return f"id_of({name})"
    if schema.get("items", {}).get("format") == "uuid":
        return f"ids_of({name})"
    return name


def default_of(schema: Schema) -> str:
    default = schema.get("default")
    return " = field(default_factory=list)" if default == [] else f" = {default!r}"


def paragraphs(text: str) -> str:
    """Return the paragraphs of a description, of lines that fit into a docstring."""
    whole = (" ".join(one.split()).replace('"', "'") for one in text.strip().split("\n\n"))
    # The place of a secret is nothing to callers.
    whole = (re.sub(r", with a token as `\w+` \(see `[\w.]+`\)", "", one) for one in whole)
    return "\n\n".join(fill(one, WIDTH) for one in whole)
