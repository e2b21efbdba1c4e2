"""HTTP server of the simulator: authentication, routes, and answers in Stripe's format."""

import base64
import binascii
import functools
import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import msgspec
from aiohttp import web

from gateways.simulator import payments
from gateways.simulator.books import stream_books
from gateways.simulator.faults import FaultInjector, Switches
from gateways.simulator.requests import AnswerDropped, Reply, RequestHandler, WriteRequest
from gateways.simulator.store import Store
from gateways.simulator.wire_format import RequestRefused, StripeResponse, error, parameters, refusal

BODY_BYTES_MAX = 64 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """Serves one store to callers with one API key."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key.encode()
        self._store = Store(path)
        self._injector = FaultInjector()
        self._requests = RequestHandler(self._store, self._injector)

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard])
        application.add_routes(
            [
                web.post("/v1/payment_intents", self._write(payments.create_intent)),
                # Must precede the route with a name, which would match this path too.
                web.get("/v1/payment_intents/search", self._search),
                web.get("/v1/payment_intents/{name}", self._read(payments.retrieve_intent)),
                web.post("/v1/payment_intents/{name}/capture", self._write(payments.capture_intent)),
                web.post("/v1/payment_intents/{name}/cancel", self._write(payments.cancel_intent)),
                web.post("/v1/refunds", self._write(payments.create_refund)),
                web.get("/v1/refunds", self._read(payments.list_refunds)),
                web.get("/v1/refunds/{name}", self._read(payments.retrieve_refund)),
                web.get("/switches", self._show_switches),
                web.put("/switches", self._set_switches),
                web.get("/books", self._books),
            ]
        )
        return application

    def close(self) -> None:
        self._store.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if self._injector.switches.down and request.path.startswith("/v1/"):
                raise AnswerDropped
            self._authenticate(request)
            return await handler(request)
        except AnswerDropped:
            if request.transport:
                request.transport.abort()
            return web.Response()
        except RequestRefused as problem:
            return _response(Reply(problem.answer))
        except web.HTTPException as problem:
            return _response(Reply(error(problem.status, None, problem.reason)))

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        candidate = credentials.strip().encode(errors="replace")
        if scheme.lower() == "basic":
            try:
                candidate = base64.b64decode(candidate, validate=True).partition(b":")[0]
            except binascii.Error:
                candidate = b""
        if scheme.lower() not in ("basic", "bearer") or not hmac.compare_digest(candidate, self._key):
            raise refusal(401, None, "Invalid API key provided")

    def _write(self, do: Callable[..., StripeResponse]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            form = parameters(await request.read())
            key = request.headers.get("Idempotency-Key")
            act = functools.partial(do, form=form, **request.match_info)
            return _response(await self._requests.write(WriteRequest(request.path, form, key, act)))

        return handle

    def _read(self, do: Callable[..., StripeResponse]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            form = parameters(request.rel_url.raw_query_string.encode())
            act = functools.partial(do, form=form, **request.match_info)
            return _response(Reply(await self._requests.read(act)))

        return handle

    async def _search(self, request: web.Request) -> web.StreamResponse:
        lag = self._injector.switches.search_lag
        return await self._read(functools.partial(payments.search_intents, lag_seconds=lag))(request)

    async def _show_switches(self, request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=msgspec.json.encode(self._injector.switches), content_type="application/json"
        )

    async def _set_switches(self, request: web.Request) -> web.StreamResponse:
        """Replace all switches. A switch that the body leaves out is off."""
        try:
            self._injector.set(msgspec.json.decode(await request.read(), type=Switches))
        except (msgspec.DecodeError, RecursionError) as problem:
            raise refusal(400, "parameter_invalid", str(problem)) from None
        return await self._show_switches(request)

    async def _books(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in stream_books(self._path):
            await response.write(piece)
        return response


def _response(reply: Reply) -> web.Response:
    headers = {"Request-Id": f"req_{uuid4().hex}"}
    if reply.replayed:
        headers["Idempotent-Replayed"] = "true"
    return web.Response(
        status=reply.answer.status,
        text=reply.answer.body,
        content_type="application/json",
        headers=headers,
    )
