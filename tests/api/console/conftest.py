"""Callers of the console over HTTP; its pages are well-formed XML."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from api.app import create_app
from audit.proofs.keys import public_pem, signing_key
from audit.proofs.signer import sign_checkpoint
from database.connection import connect
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.api.conftest import SECRET, People, client, running, token

HOSTILE = "<script>alert('x')</script>\"&amp;\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"


@dataclass
class HtmlPage:
    """Page with its answer; `text` is the visible text without line breaks."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def tree(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.answer.text)

    @property
    def text(self) -> str:
        main = self.tree.find(".//main")
        assert main is not None
        return re.sub(r"\s+", " ", " ".join(main.itertext()))

    def all(self, path: str) -> list[ElementTree.Element]:
        return self.tree.findall(f".//{path}")

    def links(self) -> list[str]:
        return [a.attrib["href"] for a in self.all("a")]


@dataclass
class ConsoleDesk:
    """Ledger with callers of its API, and callers of the console with a cookie."""

    people: People
    database_url: str
    settings: Settings

    def sit_down(self, sub: str, *roles: str) -> "Seat":
        browser = client(self.people.app)
        browser.cookies.set("seatledger_console", token(sub, *roles), domain="ledger.test", path="/console")
        return Seat(browser)

    async def follow(self) -> None:
        """Bring the analytics tables up to date."""
        async with await connect(self.database_url, "test") as connection:
            for projection in PROJECTIONS.values():
                await advance(connection, projection, None, 5_000)

    async def sign(self) -> bytes:
        """Sign a checkpoint and return the public key."""
        key = signing_key(self.settings)
        async with await connect(self.database_url, "test") as connection:
            await sign_checkpoint(connection, key)
        return public_pem(key).encode()


@dataclass
class Seat:
    browser: httpx.AsyncClient

    async def open(self, address: str) -> HtmlPage:
        return HtmlPage(await self.browser.get(address))

    async def send(self, address: str, fields: dict[str, str] | None = None, **headers: str) -> HtmlPage:
        """Send a form as a page of the console would."""
        all_headers = {"sec-fetch-site": "same-origin", **headers}
        return HtmlPage(await self.browser.post(address, data=fields or {}, headers=all_headers))


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[ConsoleDesk]:
    settings = Settings(jwt_secret=SECRET, deadline_seconds=3, data=tmp_path)
    app = create_app(settings, lambda: open_ledger(database_url, settings))
    async with running(app):
        yield ConsoleDesk(People.of(app), database_url, settings)


MakeBooking = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def hostile_booking(desk: ConsoleDesk) -> MakeBooking:
    """Make, pay and cancel a booking whose user name and reason are hostile text."""

    async def make() -> dict[str, Any]:
        operator, flight = desk.people.operator, await desk.people.flight()
        body = {"flight_id": flight["id"], "user_id": HOSTILE, "seats": 2}
        booking = (await operator.post("/api/v1/bookings", json=body)).json()
        body = {"booking_id": booking["id"], "user_id": HOSTILE, "total_cost": booking["total_cost"]}
        paid = await operator.post(
            "/api/v1/bookings/payments", json=body, headers={"x-idempotency-key": "pay-1"}
        )
        assert paid.status_code == 201, paid.text
        cancelled = await operator.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": HOSTILE})
        assert cancelled.status_code == 200, cancelled.text
        return dict(cancelled.json())

    return make
