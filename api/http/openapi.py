"""The OpenAPI 3.1 document, generated from the `Route` of each handler."""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.http.openapi_answers import content, is_command, responses
from api.http.openapi_events import add_event_schemas
from api.http.openapi_parameters import parameters
from api.http.openapi_schemas import Schemas, close_enums
from api.http.openapi_texts import BEARER, DESCRIPTION, TAGS
from api.http.request import EmptyBody
from api.http.routes import ALIASES, PUBLIC, Route
from runtime import VERSION

Operation = tuple[str, str, HTTPRouteHandler, Route]
"""Path, method, handler and its `Route`."""


def of(app: Litestar) -> bytes:
    """Return the document of an application. It is built once, because routes do not change."""
    if "openapi" not in app.state:
        app.state.openapi = document(app)
    return bytes(app.state.openapi)


def document(app: Litestar) -> bytes:
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for path, method, handler, route in sorted(_operations(app), key=_order):
        paths.setdefault(path, {})[method.lower()] = _operation(schemas, path, method, handler, route)
    operations = [operation for item in paths.values() for operation in item.values()]
    add_event_schemas(schemas)
    close_enums(schemas.components, [[one["parameters"], one.get("requestBody")] for one in operations])
    return _encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Seatledger",
                "version": VERSION,
                "description": DESCRIPTION,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "security": [{"bearer": []}],
            "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(schemas.components.items())),
                "examples": dict(sorted(schemas.examples.items())),
                "headers": dict(sorted(schemas.headers.items())),
                "securitySchemes": {"bearer": _BEARER},
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


def _order(operation: Operation) -> tuple[int, str, str]:
    """Sort by the order of the tags, then by path."""
    path, method, handler, _ = operation
    return list(TAGS).index(_tag(handler)), path, method


def _tag(handler: HTTPRouteHandler) -> str:
    return sorted(handler.resolve_tags())[0]


def _operation(
    schemas: Schemas, path: str, method: str, handler: HTTPRouteHandler, route: Route
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [_tag(handler)],
        "summary": route.summary,
        "operationId": handler.handler_name,
        "description": "\n\n".join(filter(None, [route.about, _access(route)])),
        "security": [] if route.roles == PUBLIC else [{"bearer": []}],
        "parameters": list(parameters(schemas, path, method, route)),
        "responses": responses(schemas, path, method, route),
    }
    if route.roles != PUBLIC:
        operation["x-roles"] = sorted(role.value for role in route.roles)
    if is_command(route):
        operation["x-idempotent"] = True
    if route.body is not None:
        operation["requestBody"] = {
            "required": route.body_required and route.body is not EmptyBody,
            "content": {"application/json": content(schemas, route.body)},
        }
    return operation


def _access(route: Route) -> str:
    if route.roles == PUBLIC:
        return "Requires no token."
    roles = ", ".join(sorted(role.value for role in route.roles))
    return f"Requires one of the roles: {roles}."


_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": BEARER}

_encode = msgspec.json.Encoder().encode
