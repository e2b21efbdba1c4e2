"""The OpenAPI document (3.1), built from what the routes promise, so that it cannot say anything else."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api import rejections
from api.commands import CREATED
from api.examples import EXAMPLES
from api.problems import MEDIA_TYPE, FieldError, Problem, problem, status_of
from api.queries import Page
from api.routes import ALIASES, PUBLIC, Route
from domain.refusals import IdempotencyKeyReused, Refusal
from ledger import VERSION
from projections.bookings import BookingRow
from projections.flights import FlightRow

Operation = tuple[str, str, HTTPRouteHandler, Route]
"""Path, method, handler, promise."""

_REFERENCE = "#/components/schemas/{name}"


def document(app: Litestar) -> bytes:
    operations = list(_operations(app))
    types = {kind for *_, route in operations for kind in (route.takes, route.gives) if kind is not None}
    types.add(Problem)
    _, schemas = msgspec.json.schema_components(sorted(types, key=str), ref_template=_REFERENCE)
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
            if route is not None and routed.path_format not in ALIASES:
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
        "responses": _responses(path, method, route),
    }
    if route.roles != PUBLIC:
        roles = sorted(role.value for role in route.roles)
        described |= {
            "security": [{"bearer": []}],
            "description": f"Roles: {', '.join(roles)}.",
            "x-roles": roles,
        }
    if route.takes is not None:
        described["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": _content(route.takes)},
        }
    return described


def _parameters(path: str, route: Route) -> Iterator[dict[str, Any]]:
    if "{id}" in path:
        yield {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    for name in ("code", "name"):
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for field in msgspec.structs.fields(route.query) if route.query else ():
        schema = msgspec.json.schema(field.type)
        # Parameters inline their schemas: what a component would be named is nobody's business.
        schema = schema.get("$defs", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
        default = {} if field.default is msgspec.UNSET else {"default": msgspec.to_builtins(field.default)}
        yield {"name": field.name, "in": "query", "required": field.required, "schema": schema | default}
    if _is_command(route):
        key = {"in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}}
        yield {"name": "x-idempotency-key", "required": route.key_required, "description": _KEY} | key
        yield {"name": "Idempotency-Key", "description": "The same under its standard name."} | key
    if route.if_match:
        yield _header_parameter(
            "If-Match", "The version that the command is meant for.", '^(\\*|"v[0-9]{1,9}")$'
        )
    yield _header_parameter("x-request-id", "Comes back on the answer.", "^[A-Za-z0-9_-]{8,64}$")
    yield _header_parameter("traceparent", "W3C Trace Context.", "^[0-9a-f-]+$")


def _header_parameter(name: str, description: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _responses(path: str, method: str, route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done.", "headers": dict(_success_headers(method, route))}
    if route.gives is not None and method != "HEAD":
        success["content"] = {route.media_type.partition(";")[0]: _content(route.gives)}
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in (*route.refusals, *_rejections(path, route)):
        by_status.setdefault(status_of(refusal), []).append(refusal)
    return {str(route.status): success} | {
        str(status): _refused(status, kinds, path) for status, kinds in sorted(by_status.items())
    }


def _success_headers(method: str, route: Route) -> Iterator[tuple[str, Any]]:
    command = _is_command(route)
    yield "x-request-id", _header("The request's id.")
    if route.query is not None or command:
        yield "ledger-position", _header("The position of the log that the answer reflects.", "integer")
    if command or route.gives in (FlightRow, BookingRow):
        yield "ETag", _header('The version, like "v3".')
    if command:
        yield "idempotency-replayed", _header("`true`: the first outcome of this key, again.")
    if route.takes in CREATED:
        yield "Location", _header("Where the new resource is.")
    if getattr(route.gives, "__origin__", None) is Page:
        yield "Link", _header('The next page: rel="next".')


def _rejections(path: str, route: Route) -> Iterator[type[Refusal]]:
    if route.query is not None or route.takes is not None:
        yield rejections.ValidationFailed
    if route.query is not None:
        yield rejections.PositionNotReached
    if _is_command(route):
        yield from (rejections.Malformed, rejections.IdempotencyKeyMalformed, rejections.Overloaded)
        yield from (rejections.IdempotencyKeyMissing,) if route.key_required else ()
    if route.takes is not None:
        yield from (rejections.RequestTimeout, rejections.ContentTooLarge, rejections.UnsupportedMediaType)
    if route.roles != PUBLIC:
        yield from (rejections.Unauthenticated, rejections.Forbidden)
    if route.query is not None or route.takes is not None:
        yield rejections.Unavailable
    if path.startswith("/health/ready"):
        yield rejections.NotReady
    if "{code}" in path or "{name}" in path:
        yield rejections.NotFound
    yield rejections.InternalError


def _refused(status: int, kinds: list[type[Refusal]], path: str) -> dict[str, Any]:
    headers = {"x-request-id": _header("The request's id.")}
    headers |= {"Retry-After": _header("Seconds.", "integer")} if status == 503 else {}
    headers |= {"WWW-Authenticate": _header("RFC 6750.")} if status in (401, 403) else {}
    examples = {kind.code: {"summary": kind.title, "value": _example(kind, path)} for kind in kinds}
    content = {"schema": {"$ref": _REFERENCE.format(name="Problem")}, "examples": examples}
    codes = ", ".join(f"`{kind.code}`" for kind in kinds)
    return {"description": codes, "headers": headers, "content": {MEDIA_TYPE: content}}


def _example(kind: type[Refusal], path: str) -> Any:
    refusal: Any = kind.__new__(kind)
    Refusal.__init__(refusal, **({"errors": _ERRORS} if kind is rejections.ValidationFailed else {}))
    return msgspec.json.decode(problem(refusal, path, "01932c07-5bb1-7000-8000-6d6f6e6b6579")[1])


def _content(kind: Any) -> dict[str, Any]:
    schema = msgspec.json.schema_components([kind], ref_template=_REFERENCE)[0][0]
    return {"schema": schema} | ({"example": msgspec.to_builtins(EXAMPLES[kind])} if kind in EXAMPLES else {})


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _is_command(route: Route) -> bool:
    return IdempotencyKeyReused in route.refusals


_ERRORS = [FieldError("/seats", "Expected `int` >= 1")]
_KEY = "1 to 255 printable ASCII characters; the same key and body have the same outcome, for ever."
_DESCRIPTION = """An event-sourced booking ledger for flights.

Amounts are integer minor units. Times are RFC 3339 in UTC. Errors are `application/problem+json` (RFC 9457);
each `type` resolves to what it means. Every answer names the log position it reflects in `ledger-position`;
give it as `min_position` to a query to read your own writes anywhere.
"""

_encode = msgspec.json.Encoder().encode
