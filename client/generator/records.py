"""The module of records: a dataclass for each schema in an answer or inside a body."""

import re
from collections.abc import Iterator
from textwrap import indent

from client.generator.api import NOTE, Api
from client.generator.names import record_name
from client.generator.schemas import annotation, default_of, paragraphs


def records(api: Api) -> Iterator[str]:
    """Yield the lines of the module of records."""
    yield f'"""Records: the values in answers and in bodies."""\n{NOTE}\n'
    yield "from __future__ import annotations\n"
    yield "from dataclasses import dataclass, field\nfrom datetime import date, datetime"
    yield "from typing import Any\nfrom uuid import UUID\n"
    yield "from seatledger_client.calls import Id, new_key"
    yield "from seatledger_client.record import OpenEnum, Record\n"
    answers, bodies = api.used()
    used = sorted(answers | bodies)
    yield f"__all__ = {sorted({record_name(name) for name in used})}"
    for name in sorted(used, key=lambda name: ("enum" not in api.schemas[name], record_name(name))):
        if record_name(name) not in (other for other in used if other != name):
            yield from _record(api, name, in_body=name not in answers)


def _record(api: Api, schema_name: str, in_body: bool) -> Iterator[str]:
    schema, title = api.schemas[schema_name], record_name(schema_name)
    if "enum" in schema:
        yield f"\nclass {title}(OpenEnum):"
    else:
        yield f"\n@dataclass(frozen=True)\nclass {title}(Record):"
    if text := paragraphs(schema.get("description", "")):
        end = "\n" if "\n" in text else ""
        yield indent(f'"""{text}{end}"""\n', "    ")
    for value in schema.get("enum", ()):
        yield f'    {re.sub("[^A-Z0-9]", "_", value.upper())} = "{value}"'
    properties, required = schema.get("properties", {}), schema.get("required", [])
    for name in sorted(properties, key=lambda name: name not in required or name == "key"):
        kind = annotation(properties[name], in_body)
        default = "" if name in required else default_of(properties[name])
        if in_body and name == "key":
            default = " = field(default_factory=new_key)"
        if default == " = None" and "None" not in kind:
            kind += " | None"
        yield f"    {name}: {kind}{default}"
    if not properties and "enum" not in schema:
        yield "    pass"
