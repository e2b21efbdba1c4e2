"""The demo's HTTP client. Each user has a token and repeats an unanswered command with its key."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

TRIES_MAX = 5
ANSWER_SECONDS_MAX = 20
RETRY_SECONDS_MAX = 2.0
CONNECTIONS_MAX = 256

TokenFor = Callable[[str, list[str]], str]


@dataclass(frozen=True, slots=True)
class DemoResponse:
    """An HTTP answer. `tries` above one means that earlier tries got 503, 429 or no answer."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: Any
    tries: int
    seconds: float
    """Duration of the last try."""
    sent_at: float
    """Seconds since the epoch, as `received_at`."""
    received_at: float

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotency-replayed") == "true"

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    def equals(self, other: "DemoResponse") -> bool:
        return (self.status, self.body) == (other.status, other.body)

    def __str__(self) -> str:
        return f"{self.status} {json.dumps(self.body)} to {self.request}"


@dataclass(frozen=True)
class DemoCommand:
    """A command with its user and its idempotency key, so that it can be repeated."""

    user: "DemoUser"
    path: str
    body: Mapping[str, Any]
    key: str = field(default_factory=lambda: str(uuid4()))

    async def send(self) -> DemoResponse:
        return await self.user.post(self.path, self.body, key=self.key)


class DemoServer:
    """A connection pool to one server, with a source of tokens."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, token_for: TokenFor) -> None:
        self.base_url = base_url.rstrip("/") + "/api/v1"
        self._session = session
        self._token_for = token_for

    def user(self, sub: str, *roles: str) -> "DemoUser":
        return DemoUser(self, sub, self._token_for(sub, list(roles)))

    def anonymous(self) -> "DemoUser":
        """Return a user without a token."""
        return DemoUser(self, "anonymous", None)

    async def call(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], *, tries_max: int
    ) -> DemoResponse:
        """Send a request. Raises aiohttp.ClientError or TimeoutError if the last try gets no answer."""
        tries = 0
        while True:
            tries += 1
            try:
                answer = await self._try(method, path, content, headers, tries)
            except (aiohttp.ClientError, TimeoutError):
                if tries == tries_max:
                    raise
                await asyncio.sleep(RETRY_SECONDS_MAX)
                continue
            if answer.status not in (429, 503) or tries == tries_max:
                return answer
            await asyncio.sleep(_retry_after(answer.headers))

    async def _try(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], tries: int
    ) -> DemoResponse:
        sent_at, started = time.time(), time.perf_counter()
        async with self._session.request(
            method, self.base_url + path, data=content, headers=headers
        ) as response:
            raw = await response.read()
        return DemoResponse(
            request=f"{method} {path}",
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=_decode(raw),
            tries=tries,
            seconds=time.perf_counter() - started,
            sent_at=sent_at,
            received_at=time.time(),
        )


class DemoUser:
    """A user of the API, with a token of its own."""

    def __init__(self, server: DemoServer, sub: str, token: str | None) -> None:
        self.sub = sub
        self._server = server
        self._authorization = {"Authorization": f"Bearer {token}"} if token is not None else {}

    async def get(self, path: str) -> DemoResponse:
        return await self._server.call("GET", path, None, self._authorization, tries_max=TRIES_MAX)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        key: str | None = None,
        media_type: str = "application/json",
    ) -> DemoResponse:
        """Send JSON, or bytes unchanged. Only a request with a key is repeated when it gets no answer."""
        headers = {**self._authorization, "Content-Type": media_type}
        if key is not None:
            headers["x-idempotency-key"] = key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        tries_max = TRIES_MAX if key is not None else 1
        return await self._server.call("POST", path, content, headers, tries_max=tries_max)

    def booking(self, flight_id: str, seats: int) -> DemoCommand:
        return DemoCommand(self, "/bookings", {"flight_id": flight_id, "user_id": self.sub, "seats": seats})

    def payment(self, booking: Mapping[str, Any], total_cost: Mapping[str, Any] | None = None) -> DemoCommand:
        """Return a command that pays the cost of the booking, or `total_cost`."""
        amount = total_cost or booking["total_cost"]
        body = {"booking_id": booking["id"], "user_id": self.sub, "total_cost": amount}
        return DemoCommand(self, "/bookings/payments", body)

    def cancellation(self, booking: Mapping[str, Any], reason: str) -> DemoCommand:
        return DemoCommand(self, f"/bookings/{booking['id']}/cancel", {"reason": reason})


@asynccontextmanager
async def connect(base_url: str, token_for: TokenFor) -> AsyncIterator[DemoServer]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield DemoServer(session, base_url, token_for)


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return min(float(seconds), RETRY_SECONDS_MAX) if seconds.isdecimal() else RETRY_SECONDS_MAX


def _decode(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
