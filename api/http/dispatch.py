"""Request dispatch: find the route, run the guard, call the handler, and convert errors to responses."""

import re
from functools import lru_cache

from litestar import Litestar
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils import normalize_path

from api.console import pages
from api.http import problems
from api.http.guard import Guard, with_new_keys
from api.http.http_errors import Limited, Malformed, Unauthenticated, allowed_methods
from api.http.limited_callers import report_limited
from api.http.private_apis import route_finder
from api.http.replies import NO_STORE, Reply
from api.http.request import ApiRequest
from api.http.request_context import context_of
from api.http.routes import PUBLIC
from api.http.shared import Shared
from api.http.tokens import UNKNOWN_KEY

READS = ("GET", "HEAD")
PATHS_MAX = 1024
"""Paths whose routes are cached."""

_HOST = re.compile(rb"[0-9A-Za-z!$&'()*+,;=._~:@%\[\]-]*")
"""Valid Host values. RFC 9112, section 3.2, requires status 400 for others."""


class Dispatch:
    """ASGI application that finds the route with Litestar's router and calls the handler itself.

    Handlers take the request and return an ASGI application. docs/decisions/0004-dispatch.md has the cost of
    Litestar's own dependencies, parameters, hooks and exception handlers.
    """

    def __init__(self, app: Litestar, shared: Shared) -> None:
        find = route_finder(app)
        # Litestar's own cache takes paths that are normalized already.
        self._find = lru_cache(PATHS_MAX)(lambda path, method: find(path=normalize_path(path), method=method))
        self._guard = Guard(shared.tokens)
        self._shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = ApiRequest(scope, receive, self._shared)
        try:
            asks_for_methods = request.context.method == "OPTIONS"
            reply = self._options(scope) if asks_for_methods else await self._call(scope, request)
            await reply(scope, receive, send)
        except Exception as error:
            if context_of(scope).is_started:
                raise
            if isinstance(error, Limited):
                await report_limited(request, error.label)
            await self._error_reply(request, error)(scope, receive, send)

    async def _call(self, scope: Scope, request: ApiRequest) -> ASGIApp:
        """Return the handler's answer; to a read, with its entity tag, or 304 to a caller that has it."""
        handler = self._handler(scope)
        try:
            self._guard(request)
        except Unauthenticated as refusal:
            if refusal.reason != UNKNOWN_KEY:
                raise
            await with_new_keys(self._guard.tokens, lambda: self._guard(request))
        if request.may_choose_ledger:
            await request.choose_ledger()
        reply: ASGIApp = await handler.fn(request)
        route = request.route
        if isinstance(reply, Reply) and request.context.method in READS and not route.is_page:
            is_private = route.roles != PUBLIC and route.media_type == "application/json"
            return reply.conditional(request.context.fields, is_private)
        return reply

    def _error_reply(self, request: ApiRequest, error: Exception) -> Reply:
        """Return an HTML error page under /console, problem+json elsewhere."""
        is_page = f"{request.scope['path']}/".startswith("/console/")
        return pages.on_error(request, error) if is_page else problems.on_error(request, error)

    def _options(self, scope: Scope) -> Reply:
        """Return the methods of the path (RFC 9110, section 9.3.7). Raises NotFoundException."""
        try:
            self._find(scope["path"], "NONE")
        except MethodNotAllowedException as other:
            methods = (other.headers or {}).get("allow", "").split(", ")
            return Reply(204, b"", [(b"allow", ", ".join(allowed_methods(methods)).encode())], (NO_STORE,))
        raise NotFoundException

    def _handler(self, scope: Scope) -> HTTPRouteHandler:
        """Find the handler. Raises NotFoundException, MethodNotAllowedException and Malformed."""
        if not _HOST.fullmatch(context_of(scope).fields.get(b"host", b"")):
            raise Malformed("The Host header is not valid.")
        method = context_of(scope).method
        _, handler, scope["path"], scope["path_params"], scope["path_template"] = self._find(
            scope["path"], "GET" if method == "HEAD" else method
        )
        scope["route_handler"] = handler
        return handler
