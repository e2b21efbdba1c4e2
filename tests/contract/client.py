"""A small HTTP client that holds every answer to the rules all answers share."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

V1 = "/api/v1"
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "code", "request_id"}
ABSENT: Any = object()


@dataclass(frozen=True)
class Answer:
    """What came back: `body` is decoded JSON, or text where the answer is something else."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def position(self) -> int:
        return int(self.headers["ledger-position"])

    @property
    def replayed(self) -> bool:
        return self.headers.get("idempotency-replayed") == "true"

    def made(self) -> Any:
        """The body of a 201."""
        assert self.status == 201, self
        return self.body

    def done(self) -> Any:
        """The body of a 200."""
        assert self.status == 200, self
        return self.body

    def refused(self, status: int, code: str | None = None, **facts: Any) -> Any:
        """The problem document of a refusal, after checking its status, code and facts."""
        assert self.status == status, self
        assert code is None or self.body["code"] == code, self
        assert {name: self.body.get(name) for name in facts} == facts, self
        return self.body

    def hold_to_common_rules(self) -> None:
        assert self.headers.get("x-request-id"), f"no x-request-id: {self}"
        assert self.status != 500, self
        if self.status >= 400 and self.method != "HEAD" and not self.path.startswith("/health/"):
            self._is_a_problem_document()

    def _is_a_problem_document(self) -> None:
        assert self.media_type == "application/problem+json", self
        assert self.body.keys() >= PROBLEM_FIELDS, self
        assert self.body["status"] == self.status, self
        assert CODE.fullmatch(self.body["code"]), self
        assert self.body["type"] == f"/problems/{self.body['code']}", self
        assert all(isinstance(self.body[name], str) for name in PROBLEM_FIELDS - {"status"}), self
        assert self.body["title"], self
        assert self.body["detail"], self
        if not self.replayed:
            assert self.body["request_id"] == self.headers["x-request-id"], self


class Api:
    """One connection pool to one server; `position` is what `/info` says the log has reached."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Any = ABSENT,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends `json` as JSON, or `content` (bytes, or chunks of them) exactly as it is."""
        sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
        if json is not ABSENT:
            content = encode(json)
        if content is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        sent = {name: value for name, value in sent.items() if value is not None}
        where = URL(self.url + path, encoded=True)
        request = self.session.request(method, where, data=content, headers=sent, allow_redirects=False)
        async with request as response:
            raw = await response.read()
            answer = Answer(method, path, response.status, response.headers, decode(response, raw))
        answer.hold_to_common_rules()
        return answer

    async def position(self) -> int:
        info = (await self.call("GET", f"{V1}/info")).done()
        return int(info["position"])


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Api]:
    """An `Api` that may hold any number of connections at once, like as many separate clients."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=30),
        skip_auto_headers={"Content-Type"},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Api(url, session)


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def decode(response: aiohttp.ClientResponse, raw: bytes) -> Any:
    if raw and response.content_type.endswith("json"):
        return json.loads(raw)
    return raw.decode(errors="replace")
