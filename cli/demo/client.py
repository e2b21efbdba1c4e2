"""The demo's HTTP client: customers with a token each, who repeat what was not answered with the same key."""

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
class Answer:
    """What came back. `tries` above one means that earlier tries were answered 503, 429 or not at all."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: Any
    tries: int
    seconds: float
    """How long the last try took."""
    sent_at: float
    """Seconds since the epoch, as `received_at`."""
    received_at: float

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotency-replayed") == "true"

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    def says_the_same_as(self, other: "Answer") -> bool:
        return (self.status, self.body) == (other.status, other.body)

    def __str__(self) -> str:
        return f"{self.status} {json.dumps(self.body)} to {self.request}"


@dataclass(frozen=True)
class Command:
    """A command somebody gave, with its key, so that it can be given again."""

    who: "Person"
    path: str
    body: Mapping[str, Any]
    key: str = field(default_factory=lambda: str(uuid4()))

    async def give(self) -> Answer:
        return await self.who.post(self.path, self.body, key=self.key)


class Server:
    """One connection pool to one server, and a way to get tokens for it."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, token_for: TokenFor) -> None:
        self.base_url = base_url.rstrip("/") + "/api/v1"
        self._session = session
        self._token_for = token_for

    def person(self, sub: str, *roles: str) -> "Person":
        return Person(self, sub, self._token_for(sub, list(roles)))

    def stranger(self) -> "Person":
        """Somebody without a token."""
        return Person(self, "stranger", None)

    async def call(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], *, tries_max: int
    ) -> Answer:
        """Raises aiohttp.ClientError or TimeoutError when the last try allowed goes without an answer."""
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
    ) -> Answer:
        sent_at, started = time.time(), time.perf_counter()
        async with self._session.request(
            method, self.base_url + path, data=content, headers=headers
        ) as response:
            raw = await response.read()
        return Answer(
            request=f"{method} {path}",
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=_decoded(raw),
            tries=tries,
            seconds=time.perf_counter() - started,
            sent_at=sent_at,
            received_at=time.time(),
        )


class Person:
    """Somebody who calls the API in their own name."""

    def __init__(self, server: Server, sub: str, token: str | None) -> None:
        self.sub = sub
        self._server = server
        self._authorization = {"Authorization": f"Bearer {token}"} if token is not None else {}

    async def get(self, path: str) -> Answer:
        return await self._server.call("GET", path, None, self._authorization, tries_max=TRIES_MAX)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        key: str | None = None,
        media_type: str = "application/json",
    ) -> Answer:
        """Bytes are sent as they are. Only what carries a key is sent again when it was not answered."""
        headers = {**self._authorization, "Content-Type": media_type}
        if key is not None:
            headers["x-idempotency-key"] = key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        tries_max = TRIES_MAX if key is not None else 1
        return await self._server.call("POST", path, content, headers, tries_max=tries_max)

    def booking(self, flight_id: str, seats: int) -> Command:
        return Command(self, "/bookings", {"flight_id": flight_id, "user_id": self.sub, "seats": seats})

    def payment(self, booking: Mapping[str, Any], total_cost: Mapping[str, Any] | None = None) -> Command:
        """Pays what the booking costs, or `total_cost`."""
        amount = total_cost or booking["total_cost"]
        body = {"booking_id": booking["id"], "user_id": self.sub, "total_cost": amount}
        return Command(self, "/bookings/payments", body)

    def cancellation(self, booking: Mapping[str, Any], reason: str) -> Command:
        return Command(self, f"/bookings/{booking['id']}/cancel", {"reason": reason})


@asynccontextmanager
async def connect(base_url: str, token_for: TokenFor) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
        timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Server(session, base_url, token_for)


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("retry-after", "")
    return min(float(seconds), RETRY_SECONDS_MAX) if seconds.isdecimal() else RETRY_SECONDS_MAX


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
