"""The simulator's HTTP server: who may ask, what there is to ask, and answers in Stripe's shape."""

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
from gateways.simulator.books import written_books
from gateways.simulator.calls import Call, Counter, Lost, Told
from gateways.simulator.store import Store
from gateways.simulator.switches import Dice, Switches
from gateways.simulator.wire import Answer, Refused, error, parameters, refused

BODY_BYTES_MAX = 64 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """One store behind one key."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key.encode()
        self._store = Store(path)
        self._dice = Dice()
        self._counter = Counter(self._store, self._dice)

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._edge])
        application.add_routes(
            [
                web.post("/v1/payment_intents", self._change(payments.create_intent)),
                # Before the route with a name in it, which would match as well.
                web.get("/v1/payment_intents/search", self._search),
                web.get("/v1/payment_intents/{name}", self._look(payments.show_intent)),
                web.post("/v1/payment_intents/{name}/capture", self._change(payments.capture_intent)),
                web.post("/v1/payment_intents/{name}/cancel", self._change(payments.cancel_intent)),
                web.post("/v1/refunds", self._change(payments.create_refund)),
                web.get("/v1/refunds", self._look(payments.list_refunds)),
                web.get("/v1/refunds/{name}", self._look(payments.show_refund)),
                web.get("/switches", self._show_switches),
                web.put("/switches", self._set_switches),
                web.get("/books", self._books),
            ]
        )
        return application

    def close(self) -> None:
        self._store.close()

    @web.middleware
    async def _edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if self._dice.switches.down and request.path.startswith("/v1/"):
                raise Lost
            self._authenticate(request)
            return await handler(request)
        except Lost:
            if request.transport:
                request.transport.abort()
            return web.Response()
        except Refused as problem:
            return _response(Told(problem.answer))
        except web.HTTPException as problem:
            return _response(Told(error(problem.status, None, problem.reason)))

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        given = credentials.strip().encode(errors="replace")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[0]
            except binascii.Error:
                given = b""
        if scheme.lower() not in ("basic", "bearer") or not hmac.compare_digest(given, self._key):
            raise refused(401, None, "Invalid API key provided")

    def _change(self, do: Callable[..., Answer]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = parameters(await request.read())
            key = request.headers.get("Idempotency-Key")
            act = functools.partial(do, given=given, **request.match_info)
            return _response(await self._counter.change(Call(request.path, given, key, act)))

        return handle

    def _look(self, do: Callable[..., Answer]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = parameters(request.rel_url.raw_query_string.encode())
            act = functools.partial(do, given=given, **request.match_info)
            return _response(Told(await self._counter.look(act)))

        return handle

    async def _search(self, request: web.Request) -> web.StreamResponse:
        lag = self._dice.switches.search_lag
        return await self._look(functools.partial(payments.search_intents, lag_seconds=lag))(request)

    async def _show_switches(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=msgspec.json.encode(self._dice.switches), content_type="application/json")

    async def _set_switches(self, request: web.Request) -> web.StreamResponse:
        """All at once: what the body leaves out is off."""
        try:
            self._dice.set(msgspec.json.decode(await request.read(), type=Switches))
        except (msgspec.DecodeError, RecursionError) as problem:
            raise refused(400, "parameter_invalid", str(problem)) from None
        return await self._show_switches(request)

    async def _books(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in written_books(self._path):
            await response.write(piece)
        return response


def _response(told: Told) -> web.Response:
    headers = {"Request-Id": f"req_{uuid4().hex}"}
    if told.replayed:
        headers["Idempotent-Replayed"] = "true"
    return web.Response(
        status=told.answer.status,
        text=told.answer.body,
        content_type="application/json",
        headers=headers,
    )
