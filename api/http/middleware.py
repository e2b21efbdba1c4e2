"""The outermost layer: request ids, one log line and one measurement for each request, answered or not."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from loguru import logger

from api.http import metrics
from api.http.http_errors import Overloaded, UriTooLong
from api.http.problems import problem_reply
from api.http.replies import Reply
from api.http.request_context import RequestContext
from api.http.shedding import RefusalPacer

URI_BYTES_MAX = 8192
"""Of the path and of the query string. Litestar remembers paths, so they must not be endless."""


_BEFORE_A_NAME = "/commands/"
"""In a path. Lines of a log name nobody, because nobody could make them forget it."""


class RequestMiddleware:
    """Wraps the router, and so sees the 404s and 405s that middleware would miss.

    `is_full` says whether commands have no chance: refused here, before anything is read, they cost least.
    """

    def __init__(self, app: ASGIApp, is_full: Callable[[], bool], logs_all: bool = False) -> None:
        self._app = app
        self._is_full = is_full
        self._logs_all = logs_all
        self._pace = RefusalPacer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        started = perf_counter()
        context = RequestContext(scope)
        scope["state"]["context"] = context
        request_id = (b"x-request-id", context.request_id.encode())

        def send_marked(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                context.status, context.is_started = message["status"], True
                message["headers"] = [*message["headers"], request_id]
                if context.is_shed:
                    return self._send_later(send, message)
            return send(message)

        app: ASGIApp | Reply = self._app
        if len(scope["raw_path"]) + len(scope["query_string"]) > URI_BYTES_MAX:
            app = problem_reply(UriTooLong(), context)
        elif context.method == "POST" and self._is_full():
            app = problem_reply(Overloaded(), context)
        try:
            await app(scope, receive, send_marked)
        finally:
            self._record(scope, context, perf_counter() - started)

    async def _send_later(self, send: Send, message: Message) -> None:
        await asyncio.sleep(self._pace.wait_seconds())
        await send(message)

    def _record(self, scope: Any, context: RequestContext, seconds: float) -> None:
        # The template of the route, never what the caller wrote: labels must be few and harmless.
        route = scope.get("path_template") or "unmatched"
        metrics.observe(context.method, route, context.status, seconds)
        # What went well is in the ledger, with its request id, and in the metrics; a line for each would cost
        # a sixth of the throughput, and more when there is too much to do.
        told = context.status >= 400 and not context.is_shed
        if told or self._logs_all:
            logger.bind(
                request_id=context.request_id,
                method=context.method,
                path=route if _BEFORE_A_NAME in context.instance + route else context.instance,
                status=context.status,
                milliseconds=round(seconds * 1000, 2),
                **context.facts,
            ).log("INFO" if told else "DEBUG", "request")
