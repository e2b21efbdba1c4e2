"""A receiver of webhooks: an HTTP server in a thread of its own, with answers that a test chooses."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook as Verifier


@dataclass
class Message:
    """One request as the receiver got it, and the status that it answered."""

    path: str
    headers: dict[str, str]
    body: str
    status: int = 0
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def position(self) -> int:
        return int(self.content["data"]["position"])

    @property
    def stream(self) -> str:
        data = self.content["data"]
        return str(next(data[name] for name in ("booking_id", "flight_id", "waiting_id") if name in data))

    def is_signed_by(self, secret: str) -> bool:
        try:
            Verifier(secret).verify(self.body, self.headers)
        except Exception:
            return False
        return True


Answer = Callable[[Message], int]
"""Chooses the status of the answer; 0: no answer until the receiver stops."""


@dataclass
class Receiver:
    """Counts as taken what it answered with a 2xx."""

    answer: Answer = lambda message: 204
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    messages: list[Message] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> "Receiver":
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def taken(self) -> list[Message]:
        return [message for message in self.messages if 200 <= message.status < 300]

    def positions(self, path: str | None = None) -> list[int]:
        """The positions of the messages that were taken, in the order of their arrival."""
        return [one.position for one in self.taken if path in (None, one.path)]

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run(started))
        self._loop.close()

    async def _run(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = web.Server(self._take)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await site.start()
        self.port = runner.addresses[0][1]
        started.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.BaseRequest) -> web.Response:
        message = Message(request.path, dict(request.headers), await request.text())
        message.headers = {name.lower(): value for name, value in message.headers.items()}
        status = self.answer(message)
        message.status = status
        self.messages.append(message)
        if status == 0:
            await self._stop.wait()
        return web.Response(status=status or 503, text=self.text, headers=self.headers)
