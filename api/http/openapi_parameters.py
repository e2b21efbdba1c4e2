"""Parameters of a route in the OpenAPI document: of its path, its query string and its headers."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from api.http import openapi_texts as texts
from api.http.openapi_answers import is_command, is_conditional
from api.http.openapi_schemas import Schema, Schemas
from api.http.parameters import CommandQuery, ReadQuery
from api.http.routes import Route

_ETAG = '(?:W/)?"[!#-~]*"'


def parameters(schemas: Schemas, path: str, method: str, route: Route) -> Iterator[dict[str, Any]]:
    yield from _path_parameters(path, route)
    for field in msgspec.structs.fields(route.query) if route.query else ():
        yield _query_parameter(schemas, field)
    if is_command(route) or route.accepts_dry_run:
        for field in msgspec.structs.fields(CommandQuery):
            yield _query_parameter(schemas, field)
    if route.one_ledger and route.query is None:
        yield from (
            _query_parameter(schemas, one)
            for one in msgspec.structs.fields(ReadQuery)
            if one.name == "ledger"
        )
    if is_command(route) or route.is_keyed:
        key = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        yield _header("x-idempotency-key", texts.KEY, key, required=route.key_required)
        yield _header("Idempotency-Key", texts.STANDARD_KEY, key)
    if route.media_type == "text/event-stream":
        yield _header("Last-Event-ID", texts.LAST_EVENT_ID, {"type": "string", "pattern": "^[0-9]{1,18}$"})
    if route.if_match:
        pattern = f"^(?:[*]|{_ETAG}(?:, *{_ETAG})*)$"
        yield _header("If-Match", texts.IF_MATCH, {"type": "string", "pattern": pattern})
    if is_conditional(route, method):
        yield _header("If-None-Match", texts.IF_NONE_MATCH)
    # No patterns, because invalid values are ignored or replaced, and not refused.
    yield _header("x-request-id", texts.REQUEST_ID)
    yield _header("traceparent", texts.TRACEPARENT)


def _path_parameters(path: str, route: Route) -> Iterator[dict[str, Any]]:
    segments = path.split("/")
    for before, segment in pairwise(segments):
        if not segment.startswith("{"):
            continue
        name = segment.strip("{}")
        schema: Schema = {"type": "string"}
        if name == "id":
            schema["format"] = "uuid"
        elif route.path_values:
            schema["enum"] = list(route.path_values)
        about = f"Id of {texts.IDS[before]}" if name == "id" else texts.PATH_PARAMETERS[name]
        yield {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def _query_parameter(schemas: Schemas, field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    schema = schemas.of(field.type)
    about = schema.pop("description", None) or texts.QUERY_PARAMETERS[field.name]
    found = {"name": field.name, "in": "query", "required": field.required, "description": about}
    default = {} if field.default is msgspec.UNSET else {"default": msgspec.to_builtins(field.default)}
    return found | {"schema": schema | default}


def _header(
    name: str, description: str, schema: Schema | None = None, required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema or {"type": "string"},
    }
