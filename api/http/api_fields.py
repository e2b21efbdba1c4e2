"""`python -m api.http.api_fields`: print the data dictionary of the API, from the OpenAPI document."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from api.app import create_app
from api.http.openapi import document
from runtime.settings import Settings

Schema = dict[str, Any]

HEADER = """# Fields of the API

Every field of the bodies and answers of the API, by the name of its schema in the OpenAPI document. A name
keeps its meaning: within v1 fields are only added. Times are RFC 3339 in UTC, amounts of money integers of
minor units. `?` marks a field that can be left out. The page is generated: `python -m api.http.api_fields`.
"""


def dictionary() -> str:
    """Return the page: a table for each schema, in alphabetical order."""
    app = create_app(Settings(jwt_secret=secrets.token_hex()), _open_nothing)
    schemas: dict[str, Schema] = json.loads(document(app))["components"]["schemas"]
    return HEADER + "".join(_section(name, schema) for name, schema in sorted(schemas.items()))


def _open_nothing() -> Any:
    raise NotImplementedError("the document needs no ledger")


def _section(name: str, schema: Schema) -> str:
    about = " ".join(schema.get("description", "").split())
    lines = [f"\n## {name}\n"] + ([f"\n{about}\n"] if about else [])
    if values := schema.get("enum"):
        lines.append(f"\nOne of {', '.join(f'`{value}`' for value in values)}.\n")
    if fields := schema.get("properties"):
        required = schema.get("required", [])
        lines.append("\n| field | type | |\n|---|---|---|\n")
        lines += [_row(field, one, field in required) for field, one in fields.items()]
    return "".join(lines)


def _row(field: str, schema: Schema, is_required: bool) -> str:
    about = " ".join(schema.get("description", "").split()).replace("|", "\\|")
    return f"| `{field}`{'' if is_required else '?'} | {' or '.join(_types(schema))} | {about} |\n"


def _types(schema: Schema) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield f"[{name}](#{name.lower()})"
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _types(one)
    elif schema.get("type") == "array":
        yield f"list of {' or '.join(_types(schema.get('items', {})))}"
    else:
        kind = schema.get("format") or schema.get("type") or "any JSON"
        yield ", ".join(kind) if isinstance(kind, list) else kind


if __name__ == "__main__":
    print(dictionary(), end="")
