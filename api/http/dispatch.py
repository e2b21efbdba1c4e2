"""Request dispatch: find the route, run the guard, call the handler, and convert errors to responses."""

import re

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send
from litestar.utils import normalize_path

from api.console import pages
from api.http import problems
from api.http.guard import Guard
from api.http.http_errors import Limited, Malformed
from api.http.limited_callers import report_limited
from api.http.private_apis import route_finder
from api.http.replies import Reply
from api.http.request import ApiRequest
from api.http.request_context import context_of

_HOST = re.compile(rb"[0-9A-Za-z!$&'()*+,;=._~:@%\[\]-]*")
"""Valid Host values. RFC 9112, section 3.2, requires status 400 for others."""


class Dispatch:
    """ASGI application that finds the route with Litestar's router and calls the handler itself.

    Handlers take the request and return an ASGI application. docs/decisions/0004-dispatch.md has the cost of
    Litestar's own dependencies, parameters, hooks and exception handlers.
    """

    def __init__(self, app: Litestar, guard: Guard) -> None:
        self._find = route_finder(app)
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = ApiRequest(scope, receive)
        try:
            handler = self._handler(scope)
            self._guard(request)
            if request.may_choose_ledger:
                await request.choose_ledger()
            reply = await handler.fn(request)
            await reply(scope, receive, send)
        except Exception as error:
            if context_of(scope).is_started:
                raise
            if isinstance(error, Limited):
                await report_limited(request, error.limit)
            await _error_reply(request, error)(scope, receive, send)

    def _handler(self, scope: Scope) -> HTTPRouteHandler:
        """Find the handler. Raises NotFoundException, MethodNotAllowedException and Malformed."""
        if not _HOST.fullmatch(context_of(scope).fields.get(b"host", b"")):
            raise Malformed("The Host header is not valid.")
        _, handler, scope["path"], scope["path_params"], scope["path_template"] = self._find(
            path=normalize_path(scope["path"]), method=context_of(scope).method
        )
        scope["route_handler"] = handler
        return handler


def _error_reply(request: ApiRequest, error: Exception) -> Reply:
    """HTML error page under /console, problem+json elsewhere."""
    is_page = f"{request.scope['path']}/".startswith("/console/")
    return pages.on_error(request, error) if is_page else problems.on_error(request, error)
