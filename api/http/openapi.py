"""The OpenAPI 3.1 document, generated from the `Route` of each handler."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.http.openapi_answers import REFERENCE, content, is_command, is_conditional, responses
from api.http.openapi_times import state_time_formats
from api.http.parameters import CommandQuery, ReadQuery
from api.http.problems import Problem
from api.http.routes import ALIASES, PUBLIC, Route
from runtime import VERSION

Operation = tuple[str, str, HTTPRouteHandler, Route]
"""Path, method, handler and its `Route`."""


def document(app: Litestar) -> bytes:
    operations = list(_operations(app))
    types = {kind for *_, route in operations for kind in (route.body, route.response) if kind is not None}
    types.add(Problem)
    _, schemas = msgspec.json.schema_components(sorted(types, key=str), ref_template=REFERENCE)
    state_time_formats(schemas, types)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, handler, route in operations:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, handler, route)
    return _encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Seatledger", "version": VERSION, "description": _DESCRIPTION},
            "servers": [{"url": "/"}],
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": schemas,
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            },
        }
    )


def _operations(app: Litestar) -> Iterator[Operation]:
    for routed in app.routes:
        for handler in routed.route_handlers if isinstance(routed, HTTPRoute) else ():
            route = handler.opt.get("route")
            # A handler with two paths is documented under the first.
            if route is not None and not route.is_page and routed.path_format not in ALIASES:
                for method in sorted(handler.http_methods):
                    yield routed.path_format, method, handler, route


def _operation(path: str, method: str, handler: HTTPRouteHandler, route: Route) -> dict[str, Any]:
    tag = sorted(handler.resolve_tags())[0]
    name = f"{tag}_{handler.handler_name}".lower()
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": route.summary,
        "operationId": name,
        "parameters": list(_parameters(path, method, route)),
        "responses": responses(path, method, route),
    }
    if route.roles != PUBLIC:
        roles = sorted(role.value for role in route.roles)
        operation |= {
            "security": [{"bearer": []}],
            "description": f"Requires one of the roles: {', '.join(roles)}.",
            "x-roles": roles,
        }
    if route.body is not None:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": content(route.body)},
        }
    return operation


def _parameters(path: str, method: str, route: Route) -> Iterator[dict[str, Any]]:
    if "{id}" in path:
        yield {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    for name in ("actor", "operation", "key"):
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in ("code", "name"):
        if f"{{{name}}}" in path:
            values = {"type": "string", "enum": route.path_values}
            yield {"name": name, "in": "path", "required": True, "schema": values}
    for field in msgspec.structs.fields(route.query) if route.query else ():
        schema = msgspec.json.schema(field.type)
        # Parameters inline their schemas, so that they add no components.
        schema = schema.get("$defs", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
        yield {
            "name": field.name,
            "in": "query",
            "required": field.required,
            "schema": schema | _default(field),
        }
    for field in msgspec.structs.fields(CommandQuery) if is_command(route) or route.accepts_dry_run else ():
        schema = msgspec.json.schema(field.type) | _default(field)
        yield {"name": field.name, "in": "query", "required": False, "schema": schema}
    if route.one_ledger and route.query is None:
        field = next(one for one in msgspec.structs.fields(ReadQuery) if one.name == "ledger")
        yield {"name": "ledger", "in": "query", "required": False, "schema": msgspec.json.schema(field.type)}
    if is_command(route):
        key = {"in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}}
        yield {"name": "x-idempotency-key", "required": route.key_required, "description": _KEY} | key
        yield {"name": "Idempotency-Key", "description": "Standard name of the same header."} | key
    if route.media_type == "text/event-stream":
        yield _header_parameter("Last-Event-ID", _LAST_EVENT_ID, pattern="^[0-9]{1,18}$")
    if route.if_match:
        yield _header_parameter("If-Match", _IF_MATCH, pattern=f"^(?:[*]|{_ETAG}(?:, *{_ETAG})*)$")
    if is_conditional(route, method):
        yield _header_parameter("If-None-Match", _IF_NONE_MATCH)
    # No patterns, because invalid values are ignored or replaced, and not refused.
    yield _header_parameter("x-request-id", _REQUEST_ID)
    yield _header_parameter("traceparent", _TRACEPARENT)


def _default(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    return {} if field.default is msgspec.UNSET else {"default": msgspec.to_builtins(field.default)}


def _header_parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"} | schema}


_LAST_EVENT_ID = "Position of the last event received. The stream resumes after it."
_ETAG = '(?:W/)?"[!#-~]*"'
_IF_MATCH = (
    "ETags of the versions that the command applies to, or `*`. Another current version: 412, which is not "
    "kept under the idempotency key."
)
_IF_NONE_MATCH = "ETags that the caller has. If the answer still has one of them, it is 304 without a body."
_REQUEST_ID = (
    "Returned on the response. Replaced by a generated id unless it is 8 to 64 letters, digits, `_` or `-`."
)
_TRACEPARENT = "W3C Trace Context. Stored with the events if valid."
_KEY = (
    "1 to 255 printable ASCII characters; in quotes, it is the same key. Repeating a request with the same "
    "key and body returns the first outcome and changes nothing. Keys do not expire."
)
_DESCRIPTION = """An event-sourced booking ledger for flights.

Amounts are integers in minor units. Times are RFC 3339 in UTC. Errors are `application/problem+json`
(RFC 9457); each `type` resolves to an explanation. Responses report the log position that they reflect in
`ledger-position`. Send that position as `min_position` with a query to read your own writes from any server.
"""

_encode = msgspec.json.Encoder().encode
