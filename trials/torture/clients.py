"""HTTP clients that record every attempt and repeat unanswered commands under the same key."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp

from trials.checker.calls import Call, Records, now

PAUSE_SECONDS = 0.2
"""The pause before a repeat. Retry-After asks for more, but real clients are impatient."""


class Connection:
    """The connection to the server, shared by all callers."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        records: Records,
        token_for: Callable[[str, list[str]], str],
    ) -> None:
        self.records = records
        self._session = session
        self._base_url = base_url.rstrip("/") + "/api/v1"
        self._token_for = token_for

    def caller(self, who: str, role: str) -> "Caller":
        return Caller(self, who, role, {"Authorization": f"Bearer {self._token_for(who, [role])}"})

    async def attempt(
        self, headers: Mapping[str, str], who: str, role: str, operation: str, path: str, key: str, body: str
    ) -> Call:
        """Make one attempt and record it, whatever happens."""
        sent_at = now()
        answer: dict[str, Any] = {}
        try:
            method = "POST" if body else "GET"
            async with self._session.request(
                method, self._base_url + path, data=body.encode() or None, headers=headers
            ) as response:
                text = await response.text()
            position = response.headers.get("ledger-position", "")
            answer = {
                "status": response.status,
                "text": text,
                "position": int(position) if position else None,
                "replayed": response.headers.get("idempotency-replayed") == "true",
            }
        except TimeoutError:
            answer = {"trouble": "timeout"}
        except (aiohttp.ClientError, OSError) as error:
            answer = {"trouble": type(error).__name__}
        call = Call(
            who=who,
            role=role,
            operation=operation,
            path=path,
            key=key,
            body=body,
            sent_at=sent_at,
            ended_at=now(),
            **answer,
        )
        self.records.add(call)
        return call


class Caller:
    """One subject with its token."""

    def __init__(self, connection: Connection, who: str, role: str, headers: Mapping[str, str]) -> None:
        self.who = who
        self.role = role
        self._connection = connection
        self._headers = {**headers, "Content-Type": "application/json"}

    async def read(self, operation: str, path: str) -> Call:
        return await self._connection.attempt(self._headers, self.who, self.role, operation, path, "", "")

    async def command(
        self, operation: str, path: str, body: Mapping[str, Any], key: str | None = None
    ) -> Call:
        """Repeat the command until it is answered or the task is cancelled."""
        key = key or str(uuid4())
        headers = {**self._headers, "x-idempotency-key": key}
        text = json.dumps(body)
        while True:
            call = await self._connection.attempt(headers, self.who, self.role, operation, path, key, text)
            if call.answered:
                return call
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def connect(
    base_url: str,
    records: Records,
    token_for: Callable[[str, list[str]], str],
    answer_seconds_max: float,
) -> AsyncIterator[Connection]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=answer_seconds_max),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Connection(session, base_url, records, token_for)
