"""Fixtures for the API: the application in this process on a fresh database, and a client per role."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
from litestar import Litestar

from api.app import create_app
from api.http.streams import Streams
from ledger.ledger import open_ledger
from runtime.settings import Settings

SECRET = "a secret for tests, long enough for HS256"
SETTINGS = Settings(jwt_secret=SECRET, deadline_seconds=3, log_level="DEBUG")
BA117: dict[str, Any] = {
    "number": "BA117",
    "origin": "LHR",
    "destination": "JFK",
    "departs_at": "2040-05-17T22:45:00+01:00",
    "arrives_at": "2040-05-18T04:40:00Z",
    "seats": 10,
    "price": {"amount": 450000, "currency": "INR"},
}


def token(subject: str, *roles: str, **claims: Any) -> str:
    body = {"sub": subject, "roles": list(roles), "exp": int(time.time()) + 600, **claims}
    return jwt.encode(body, SECRET, algorithm="HS256")


@dataclass
class People:
    """HTTP clients of the application, one per caller. `anonymous` has no token."""

    app: Litestar
    anonymous: httpx.AsyncClient
    operator: httpx.AsyncClient
    alice: httpx.AsyncClient
    bob: httpx.AsyncClient
    auditor: httpx.AsyncClient
    analyst: httpx.AsyncClient

    @classmethod
    def of(cls, app: Litestar) -> "People":
        callers = (("operator", "operator"), ("alice", "client"), ("bob", "client"))
        readers = (("auditor", "auditor"), ("analyst", "analyst"))
        return cls(app, client(app), *(client(app, token(*one)) for one in (*callers, *readers)))

    async def flight(self, **changes: Any) -> dict[str, Any]:
        answer = await self.operator.post("/api/v1/flights", json={**BA117, **changes})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def booking(self, flight: dict[str, Any], seats: int = 2) -> dict[str, Any]:
        body = {"flight_id": flight["id"], "user_id": "alice", "seats": seats}
        answer = await self.alice.post("/api/v1/bookings", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def pay(self, booking: dict[str, Any], key: str = "pay-1", **rest: Any) -> httpx.Response:
        body = {"booking_id": booking["id"], "user_id": "alice", "total_cost": booking["total_cost"]}
        headers = {"x-idempotency-key": key, **rest}
        return await self.alice.post("/api/v1/bookings/payments", json=body, headers=headers)


@pytest.fixture
async def people(database_url: str) -> AsyncIterator[People]:
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        yield People.of(app)


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """Run the application's lifespan in one task, because pytest may finish a fixture in another task."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await ended.wait()

    task = asyncio.create_task(live())
    await asyncio.wait({task, asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        ended.set()
        await task


def client(app: Litestar, bearer: str | None = None) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://ledger.test", headers=headers)


def streams_of(people: People) -> Streams:
    """Return the event streams of the ledger `main`."""
    ledgers, stopping = people.app.state.shared.ledgers, people.app.state.shared.stopping
    streams: Streams = ledgers.part(ledgers.main, Streams, lambda ledger: Streams(ledger, stopping))
    return streams
