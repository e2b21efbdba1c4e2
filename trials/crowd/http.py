"""Calls over HTTP, each attempt recorded."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aiohttp
import msgspec

from trials.checker.calls import Call, now


class HttpLine:
    """The connection to the server, shared by all callers."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        record: Callable[[Call], None],
        token_for: Callable[[str, list[str]], str],
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/") + "/api/v1"
        self._record = record
        self._token = cache(lambda who, role: token_for(who, [role]))

    async def send(self, call: Call) -> Call:
        """Make one attempt and record it, whatever happens."""
        sent_at = now()
        try:
            answer = await self._request(call)
        except TimeoutError:
            answer = {"trouble": "timeout"}
        except (aiohttp.ClientError, OSError) as error:
            answer = {"trouble": type(error).__name__}
        call = msgspec.structs.replace(call, sent_at=sent_at, ended_at=now(), **{**_UNANSWERED, **answer})
        self._record(call)
        return call

    async def _request(self, call: Call) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self._token(call.who, call.role)}",
            "Content-Type": "application/json",
        }
        if call.key:
            headers["x-idempotency-key"] = call.key
        if call.version is not None:
            headers["If-Match"] = f'"v{call.version}"'
        command = "PUT" if call.operation == "name_passengers" else "POST"
        method, body = (command, call.body.encode()) if call.is_command else ("GET", None)
        async with self._session.request(
            method, self._base_url + call.path, data=body, headers=headers
        ) as response:
            text = await response.text()
        return {
            "status": response.status,
            "text": text,
            "ledger": response.headers.get("ledger", ""),
            **_positions(response.headers.get("ledger-position", "")),
            "replayed": response.headers.get("idempotency-replayed") == "true",
        }


def _positions(header: str) -> dict[str, Any]:
    """Return the position that the header states, or that of each ledger, as in `main=120, ai=45`."""
    if "=" not in header:
        return {"position": int(header) if header else None}
    pairs = (part.split("=") for part in header.split(", "))
    return {"positions": {name: int(position) for name, position in pairs}}


_UNANSWERED: dict[str, Any] = {
    "status": None,
    "text": "",
    "position": None,
    "positions": {},
    "ledger": "",
    "replayed": False,
    "trouble": "",
}


@asynccontextmanager
async def connect(
    base_url: str,
    record: Callable[[Call], None],
    token_for: Callable[[str, list[str]], str],
    answer_seconds_max: float,
) -> AsyncIterator[HttpLine]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=answer_seconds_max),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield HttpLine(session, base_url, record, token_for)
