"""A deployment of two ledgers, and a client of the one that is not `main`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

from tests.contract.client import V1, Api, HttpAnswer
from tests.contract.people import AMIR
from tests.contract.program import ProgramUnderTest

OTHER = "other"
NUMBER = 1
CARRIERS = "BA,AI,9W,U2,W1,B4"
"""Carriers of all flights of the suite: `main` has none of them, and so no flight."""

OF_ONE_LOG = re.compile(rf"{V1}/(events|audit|commands)\b")
LIST = re.compile(rf"{V1}/(flights|bookings|refunds|waitlist)\?")


class OtherLedgerApi(Api):
    """Client of the other ledger: it names the ledger where several answer, and no command goes elsewhere."""

    async def call(self, method: str, path: str, **options: Any) -> HttpAnswer:
        sent = path
        if OF_ONE_LOG.match(unquote(path)):
            sent += f"{'&' if '?' in path else '?'}ledger={OTHER}"
        elif LIST.match(path):
            sent = re.sub(r"\bmin_position=(\d+)\b", rf"min_position={OTHER}%3D\1", path)
        answer = await super().call(method, sent, **options)
        if answer.status == 201:
            assert answer.headers["ledger"] == OTHER, answer
        return replace(answer, path=path, headers=_headers_of_other(answer))

    async def position(self) -> int:
        head = await self.call("GET", f"{V1}/audit/head", token=AMIR.token())
        return int(head.ok()["position"])

    def unknown_id(self) -> str:
        return str(UUID(int=uuid4().int & ~(0xFFF << 64) | NUMBER << 64))


def _headers_of_other(answer: HttpAnswer) -> dict[str, str]:
    """Return the headers in lower case; of several positions, keep that of the other ledger."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if "=" in headers.get("ledger-position", ""):
        positions = dict(part.split("=") for part in headers["ledger-position"].split(", "))
        headers["ledger-position"] = positions[OTHER]
    return headers


def create_other(program: ProgramUnderTest) -> None:
    """Make the database of a program that does not run yet, with the other ledger."""
    for command in (["migrate"], ["ledgers", "create", OTHER, "--carriers", CARRIERS]):
        made = program.run(*command)
        assert made.returncode == 0, made.stderr


def check_logs(program: ProgramUnderTest) -> None:
    """Fail unless both logs are right, and that of `main` is empty."""
    main, other = (
        json.loads(program.run("verify", "--json", "--ledger", name).stdout) for name in ("main", OTHER)
    )
    assert main["ok"], main
    assert main["checked"] == 0, main
    assert other["ok"], other
