"""Every call in the OpenAPI document, sent for one flight and one booking."""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from tests.contract.client import HttpAnswer, decode
from tests.contract.program import ProgramUnderTest
from tests.contract.samples import new_key


@dataclass(frozen=True)
class Aim:
    """Ids that a call uses; `user_id` is the name in the body."""

    flight_id: str
    booking_id: str
    waiting_id: str
    user_id: str


@dataclass(frozen=True)
class DocumentCall:
    """Operation of the document."""

    method: str
    path: str
    described: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_public(self) -> bool:
        return self.described.get("security") == []

    @property
    def roles(self) -> set[str]:
        return set(self.described.get("x-roles", ()))

    @property
    def names_a_booking(self) -> bool:
        body = self.example or {}
        return "booking_id" in body or ("{id}" in self.path and not self._is_about_flights)

    @property
    def example(self) -> Any:
        body = self.described.get("requestBody", {}).get("content", {}).get("application/json", {})
        return body.get("example")

    @property
    def _is_about_waiting(self) -> bool:
        return "/waitlist/" in self.path

    @property
    def _is_about_flights(self) -> bool:
        return "/flights/" in self.path

    async def send(
        self, session: aiohttp.ClientSession, program: ProgramUnderTest, token: str | None, aim: Aim
    ) -> HttpAnswer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if any(parameter["name"] == "x-idempotency-key" for parameter in self.described["parameters"]):
            headers["x-idempotency-key"] = new_key()
        body = None
        if self.example is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps({name: getattr(aim, name, value) for name, value in self.example.items()})
        address = URL(program.url + self._address(aim), encoded=True)
        async with session.request(self.method, address, data=body, headers=headers) as response:
            # A stream of events has no end.
            endless = response.content_type == "text/event-stream"
            raw = await response.content.readany() if endless else await response.read()
            return HttpAnswer(
                self.method, self.path, response.status, response.headers, decode(response, raw)
            )

    def _address(self, aim: Aim) -> str:
        values = {
            parameter["name"]: parameter["schema"].get("enum", ["unknown"])[0]
            for parameter in self.described["parameters"]
            if parameter["in"] == "path"
        }
        id = aim.waiting_id if self._is_about_waiting else aim.booking_id
        return self.path.format(**values | {"id": aim.flight_id if self._is_about_flights else id})


def calls(document: dict[str, Any]) -> list[DocumentCall]:
    return [
        DocumentCall(method.upper(), path, described)
        for path, item in document["paths"].items()
        for method, described in item.items()
    ]
