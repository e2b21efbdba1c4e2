"""Outermost ASGI layer: request ids, load shedding, and one log line and one measurement per request."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from loguru import logger

from api.http import metrics
from api.http.cors import Cors
from api.http.http_errors import Overloaded, UriTooLong
from api.http.problems import problem_reply
from api.http.replies import Reply
from api.http.request_context import RequestContext
from api.http.sandbox import LIVEMODE, mark
from api.http.shedding import RefusalPacer

URI_BYTES_MAX = 8192
"""Limit for path and query string together. Litestar caches paths, so their length must be bounded."""

NO_CORS = Cors(())
NO_SNIFF = (b"x-content-type-options", b"nosniff")

_COMMANDS = ("POST", "PUT")
_PERSONAL_PATH = "/commands/"
"""Paths with this part contain a person's name, which must not be logged because logs cannot be erased."""


FindPseudonym = Callable[[str], Awaitable[str | None]]


class RequestMiddleware:
    """ASGI middleware around the router, so that it also covers responses 404 and 405.

    While `is_full` returns true, POST and PUT requests are refused here, before their bodies are read.
    """

    def __init__(
        self,
        app: ASGIApp,
        is_full: Callable[[], bool],
        find_pseudonym: FindPseudonym,
        cors: Cors = NO_CORS,
        logs_all: bool = False,
        is_sandbox: bool = False,
    ) -> None:
        self._app = app
        self._is_full = is_full
        self._find_pseudonym = find_pseudonym
        self._cors = cors
        self._logs_all = logs_all
        self._pacer = RefusalPacer()
        self._fixed_headers = (NO_SNIFF, LIVEMODE) if is_sandbox else (NO_SNIFF,)
        self._mark = mark if is_sandbox else lambda reply: reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        started = perf_counter()
        context = RequestContext(scope)
        scope["state"]["context"] = context
        request_id = (b"x-request-id", context.request_id.encode())

        def send_with_request_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                context.status, context.is_started = message["status"], True
                ledger = b"ledger", context.ledger_names.encode()
                message["headers"] = [
                    *message["headers"],
                    request_id,
                    ledger,
                    *self._fixed_headers,
                    *context.limit_fields,
                    *self._cors.headers(context),
                ]
                if context.is_shed:
                    return self._send_later(send, message)
            return send(message)

        app: ASGIApp | Reply = self._app
        if len(scope["raw_path"]) + len(scope["query_string"]) > URI_BYTES_MAX:
            app = self._mark(problem_reply(UriTooLong(), context))
        elif context.method in _COMMANDS and self._is_full():
            app = self._mark(problem_reply(Overloaded(), context))
        try:
            await app(scope, receive, send_with_request_id)
        finally:
            seconds = perf_counter() - started
            if context.status in (401, 403):
                context.facts |= await self._describe_caller(scope, context.subject)
            self._record(scope, context, seconds)

    async def _describe_caller(self, scope: Any, subject: str) -> dict[str, Any]:
        """Return the address of a refused caller, and the pseudonym if the ledger knows the subject."""
        host, _ = scope.get("client") or ("", 0)
        facts = {"address": host}
        if subject and (pseudonym := await self._find_pseudonym(subject)):
            facts["caller"] = pseudonym
        return facts

    async def _send_later(self, send: Send, message: Message) -> None:
        await asyncio.sleep(self._pacer.wait_seconds())
        await send(message)

    def _record(self, scope: Any, context: RequestContext, seconds: float) -> None:
        # Label by route template, not by path, so that clients cannot create labels.
        route = scope.get("path_template") or "unmatched"
        metrics.observe(context.method, route, context.status, seconds)
        # Successful requests are in the ledger, with their request ids, and in the metrics. A log line for
        # each would cost a sixth of the throughput, and more under overload.
        is_error = context.status >= 400 and not context.is_shed
        if is_error or self._logs_all:
            logger.bind(
                request_id=context.request_id,
                method=context.method,
                path=route if _PERSONAL_PATH in context.instance + route else context.instance,
                status=context.status,
                milliseconds=round(seconds * 1000, 2),
                **context.facts,
            ).log("INFO" if is_error else "DEBUG", "request")
