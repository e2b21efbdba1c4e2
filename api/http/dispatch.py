"""From a request to its handler: the route, the guard, and what is said of whatever is raised on the way."""

import re

from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.types import Receive, Scope, Send
from litestar.utils import normalize_path

from api.console import pages
from api.http import problems
from api.http.guard import Guard
from api.http.http_errors import Malformed
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.request_context import context_of

_HOST = re.compile(rb"[0-9A-Za-z!$&'()*+,;=._~:@%\[\]-]*")
"""RFC 9112, section 3.2: anything else is answered with 400."""


class Dispatch:
    """Litestar's router finds the route; the handler is then called here.

    A handler takes the request and gives an ASGI application, so nothing is needed of what Litestar looks for
    at each request: dependencies, parameters, hooks, layers of exception handlers. That would cost as much as
    finding a row by its id.
    """

    def __init__(self, app: Litestar, guard: Guard) -> None:
        self._find = app.asgi_router.handle_routing
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = ApiRequest(scope, receive, send)
        try:
            handler = self._handler(scope)
            self._guard(request)
            reply = await handler.fn(request)
            await reply(scope, receive, send)
        except Exception as error:
            if context_of(scope).is_started:
                raise
            await _refusal(request, error)(scope, receive, send)

    def _handler(self, scope: Scope) -> BaseRouteHandler:
        """Raises NotFoundException, MethodNotAllowedException and Malformed."""
        if not _HOST.fullmatch(context_of(scope).fields.get(b"host", b"")):
            raise Malformed("The Host header is not one.")
        _, handler, scope["path"], scope["path_params"], scope["path_template"] = self._find(
            path=normalize_path(scope["path"]), method=context_of(scope).method
        )
        scope["route_handler"] = handler
        return handler


def _refusal(request: ApiRequest, error: Exception) -> Reply:
    """Where a person looks, a page says no; everywhere else a problem does."""
    is_page = f"{request.scope['path']}/".startswith("/console/")
    return pages.on_error(request, error) if is_page else problems.on_error(request, error)
