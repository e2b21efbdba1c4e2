"""Full queue: commands are refused before their bodies are read, at a limited rate."""

import asyncio
from typing import Any

import pytest
from litestar.enums import ScopeType

from api.http.http_errors import Overloaded, Unavailable
from api.http.middleware import RequestMiddleware
from api.http.problems import problem_reply
from api.http.request_context import context_of
from api.http.shedding import BURST, REFUSALS_PER_SECOND, RefusalPacer
from ledger.writer import Writer
from tests.api.conftest import People

BOOKINGS = "/api/v1/bookings"


async def test_a_full_queue_refuses_commands_before_authentication_and_parsing(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await people.anonymous.post(BOOKINGS, content=b"{")).status_code == 401
    monkeypatch.setattr(Writer, "is_full", True)
    refusal = await people.anonymous.post(BOOKINGS, content=b"{")
    assert (refusal.status_code, refusal.json()["code"]) == (503, "overloaded")
    assert refusal.headers["retry-after"]


async def test_a_full_queue_does_not_affect_queries(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Writer, "is_full", True)
    assert (await people.alice.get(BOOKINGS)).status_code == 200


async def test_only_overload_refusals_are_delayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await problem_reply(scope["refusal"], context_of(scope))(scope, receive, send)

    async def send(_: Any) -> None:
        assert len(waits) == shed, "the response is sent before the delay"

    monkeypatch.setattr("api.http.middleware.RefusalPacer", lambda: RefusalPacer(lambda: 1_000.0))
    monkeypatch.setattr(asyncio, "sleep", wait)
    middleware = RequestMiddleware(app, lambda: False, app)
    request = {"type": ScopeType.HTTP, "method": "POST", "headers": []}
    request |= {"raw_path": BOOKINGS.encode(), "query_string": b""}
    shed = 0
    for refusal in [Unavailable(), *[Overloaded()] * (BURST + 1), Unavailable()]:
        shed += isinstance(refusal, Overloaded)
        scope: Any = {**request, "state": {}, "refusal": refusal}
        await middleware(scope, send, send)
    assert [round(seconds, 6) for seconds in waits] == [0.0] * BURST + [1 / REFUSALS_PER_SECOND]
