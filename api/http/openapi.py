"""The OpenAPI document (3.1), built from what the routes promise, so that it cannot say anything else."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.http.openapi_answers import REFERENCE, content, is_command, responses
from api.http.parameters import CommandQuery
from api.http.problems import Problem
from api.http.routes import ALIASES, PUBLIC, Route
from runtime import VERSION

Operation = tuple[str, str, HTTPRouteHandler, Route]
"""Path, method, handler, promise."""


def document(app: Litestar) -> bytes:
    operations = list(_operations(app))
    types = {kind for *_, route in operations for kind in (route.body, route.response) if kind is not None}
    types.add(Problem)
    _, schemas = msgspec.json.schema_components(sorted(types, key=str), ref_template=REFERENCE)
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
            # What is served under two addresses is documented under one.
            if route is not None and not route.is_page and routed.path_format not in ALIASES:
                for method in sorted(handler.http_methods):
                    yield routed.path_format, method, handler, route


def _operation(path: str, method: str, handler: HTTPRouteHandler, route: Route) -> dict[str, Any]:
    tag = sorted(handler.resolve_tags())[0]
    name = f"{tag}_{handler.handler_name}".lower() + ("_head" if method == "HEAD" else "")
    described: dict[str, Any] = {
        "tags": [tag],
        "summary": route.summary,
        "operationId": name,
        "parameters": list(_parameters(path, route)),
        "responses": responses(path, method, route),
    }
    if route.roles != PUBLIC:
        roles = sorted(role.value for role in route.roles)
        described |= {
            "security": [{"bearer": []}],
            "description": f"Roles: {', '.join(roles)}.",
            "x-roles": roles,
        }
    if route.body is not None:
        described["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": content(route.body)},
        }
    return described


def _parameters(path: str, route: Route) -> Iterator[dict[str, Any]]:
    if "{id}" in path:
        yield {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    for name in ("actor", "operation", "key"):
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in ("code", "name"):
        if f"{{{name}}}" in path:
            known = {"type": "string", "enum": route.path_values}
            yield {"name": name, "in": "path", "required": True, "schema": known}
    for field in msgspec.structs.fields(route.query) if route.query else ():
        schema = msgspec.json.schema(field.type)
        # Parameters inline their schemas: what a component would be named is nobody's business.
        schema = schema.get("$defs", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
        default = {} if field.default is msgspec.UNSET else {"default": msgspec.to_builtins(field.default)}
        yield {"name": field.name, "in": "query", "required": field.required, "schema": schema | default}
    for field in msgspec.structs.fields(CommandQuery) if is_command(route) or route.accepts_dry_run else ():
        schema = msgspec.json.schema(field.type) | {"default": field.default}
        yield {"name": field.name, "in": "query", "required": False, "schema": schema}
    if is_command(route):
        key = {"in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}}
        yield {"name": "x-idempotency-key", "required": route.key_required, "description": _KEY} | key
        yield {"name": "Idempotency-Key", "description": "The same under its standard name."} | key
    if route.media_type == "text/event-stream":
        yield _header_parameter("Last-Event-ID", _LAST_EVENT_ID, pattern="^[0-9]{1,18}$")
    if route.if_match:
        yield _header_parameter("If-Match", _IF_MATCH, pattern=r'^(?:[*]|"v[0-9]{1,9}")$')
    # Any value is taken, and one that is of no use is replaced: a pattern here would promise a refusal.
    yield _header_parameter("x-request-id", _REQUEST_ID)
    yield _header_parameter("traceparent", _TRACEPARENT)


def _header_parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"} | schema}


_LAST_EVENT_ID = "The position where an earlier stream ended; this one goes on behind it."
_IF_MATCH = "The version that the command is meant for."
_REQUEST_ID = "Comes back on the answer if it is 8 to 64 letters, digits, `_` and `-`; else one is made."
_TRACEPARENT = "W3C Trace Context. Kept with the events if it is well-formed."
_KEY = "1 to 255 printable ASCII characters; the same key and body have the same outcome, for ever."
_DESCRIPTION = """An event-sourced booking ledger for flights.

Amounts are integer minor units. Times are RFC 3339 in UTC. Errors are `application/problem+json` (RFC 9457);
each `type` resolves to what it means. Every answer names the log position it reflects in `ledger-position`;
give it as `min_position` to a query to read your own writes anywhere.
"""

_encode = msgspec.json.Encoder().encode
