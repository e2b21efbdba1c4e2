"""An HTTP client that checks the rules of every answer: problem documents, request ids, no 500."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from tests.contract.program import ProgramUnderTest
from tests.contract.samples import unknown_id
from tests.documented import DocumentedProblems

V1 = "/api/v1"
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "code", "request_id"}
ABSENT: Any = object()


@dataclass(frozen=True)
class HttpAnswer:
    """Status, headers and body of an answer; `body` is decoded JSON, or text for other media types."""

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

    def created(self) -> Any:
        """Return the body; fail unless the status is 201 Created."""
        assert self.status == 201, self
        return self.body

    def ok(self) -> Any:
        """Return the body; fail unless the status is 200 OK."""
        assert self.status == 200, self
        return self.body

    def refusal(self, status: int, code: str | None = None, **facts: Any) -> Any:
        """Return the problem document; fail unless it has this status, code and facts."""
        assert self.status == status, self
        assert code is None or self.body["code"] == code, self
        assert {name: self.body.get(name) for name in facts} == facts, self
        return self.body

    def check_common_rules(self) -> None:
        assert self.headers.get("x-request-id"), f"no x-request-id: {self}"
        if self.status >= 400 and self.method != "HEAD" and not self.path.startswith("/health/"):
            self._check_problem_document()

    def _check_problem_document(self) -> None:
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
    """Connection pool to one program."""

    def __init__(self, program: ProgramUnderTest, session: aiohttp.ClientSession) -> None:
        self.program = program
        self.url = program.url
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
    ) -> HttpAnswer:
        """Send `json` as JSON, or `content` (bytes, or chunks of bytes) unchanged.

        A 500 and a broken connection fail with the program's last log lines.
        """
        sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
        if json is not ABSENT:
            content = encode(json)
        if content is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        sent = {name: value for name, value in sent.items() if value is not None}
        url = URL(self.url + path, encoded=True)
        request = self.session.request(method, url, data=content, headers=sent, allow_redirects=False)
        try:
            async with request as response:
                raw = await response.read()
        except aiohttp.ClientError as error:
            error.add_note(self.program.describe_failure())
            raise
        answer = HttpAnswer(method, path, response.status, response.headers, decode(response, raw))
        self.program.check_no_server_error(answer.status, answer)
        answer.check_common_rules()
        if answer.media_type == "application/problem+json" and answer.body:
            _documented[-1].check(answer.body)
        return answer

    async def position(self) -> int:
        """Return the position of the last event in the log."""
        info = (await self.call("GET", f"{V1}/info")).ok()
        return int(info["position"])

    def unknown_id(self) -> str:
        """Return an id of the ledger under test that names nothing."""
        return unknown_id()


_documented: list[DocumentedProblems] = []
"""The problems that the first server of the process documents; all servers run the same code."""


@asynccontextmanager
async def connect(program: ProgramUnderTest, kind: type[Api] = Api) -> AsyncIterator[Api]:
    """Open a client without a limit of connections, so that concurrent calls act as separate clients."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=30),
        skip_auto_headers={"Content-Type"},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        if not _documented:
            # Read before any call, because a later call may be the last one that a server answers.
            async with session.get(program.url + "/openapi.json") as response:
                _documented.append(DocumentedProblems(await response.read()))
        yield kind(program, session)


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def decode(response: aiohttp.ClientResponse, raw: bytes) -> Any:
    if raw and response.content_type.endswith("json"):
        return json.loads(raw)
    return raw.decode(errors="replace")
