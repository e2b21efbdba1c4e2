"""The console in Chromium, on the program started with `up`."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.conftest import BA117, SECRET, token
from tests.api.console import browser
from tests.api.console.browser import BrowserPage
from tests.contract.program import ProgramUnderTest

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        browser.find_browser() is None,
        reason="no Chromium on PATH: install one (Debian: apt-get install chromium), or name its program in "
        "SEATLEDGER_TEST_CHROMIUM",
    ),
]
AXE = Path(__file__).with_name("axe") / "axe.min.js"
AXE_RUN = "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => "
AXE_RUN += "v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.target.join(' ')).slice(0, 5).join(', ')))"


_SOON = datetime.now(UTC) + timedelta(days=9)
IN_NINE_DAYS = {
    "departs_at": _SOON.isoformat(),
    "arrives_at": (_SOON + timedelta(hours=8)).isoformat(),
}


@dataclass
class ConsoleSite:
    url: str
    api: httpx.Client
    page: BrowserPage
    flight: dict[str, Any]
    booking: dict[str, Any]
    itinerary: dict[str, Any]

    async def sign_in(self, *roles: str) -> None:
        await self.page.goto(f"{self.url}/console/login")
        await self.page.submit("main form", token=token("olga", *roles))

    async def open(self, address: str) -> None:
        await self.page.goto(self.url + address)

    def post(self, address: str, body: Any, key: str = "") -> dict[str, Any]:
        answer = self.api.post(address, json=body, headers={"x-idempotency-key": key} if key else {})
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    def hold(self) -> dict[str, Any]:
        return self.post("/bookings", {"flight_id": self.flight["id"], "user_id": "alice", "seats": 2})

    def pay_and_cancel(self) -> None:
        """Make a booking, pay and cancel it, so that a refund is due."""
        booking = self.hold()
        body = {"booking_id": booking["id"], "user_id": "alice", "total_cost": booking["total_cost"]}
        self.post("/bookings/payments", body, booking["id"])
        self.post(f"/bookings/{booking['id']}/cancel", {"reason": "<img src=x onerror=alert(1)>"})
        self.booking = booking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[ConsoleSite]:
    executable = browser.find_browser()
    assert executable is not None
    program = ProgramUnderTest(SEATLEDGER_JWT_SECRET=SECRET, SEATLEDGER_WORKERS="1")
    program.start()
    headers = {"authorization": f"Bearer {token('olga', 'operator')}"}
    try:
        with httpx.Client(base_url=f"{program.url}/api/v1", headers=headers) as api:
            async with browser.open_browser(executable) as page:
                site = ConsoleSite(program.url, api, page, {}, {}, {})
                soon = datetime.now(UTC) + timedelta(days=9)
                times = {
                    "departs_at": soon.isoformat(),
                    "arrives_at": (soon + timedelta(hours=8)).isoformat(),
                }
                site.flight = site.post("/flights", {**BA117, **times, "seats": 40})
                site.pay_and_cancel()
                parts = [{"flight_id": site.flight["id"], "seats": 1}] * 2
                site.itinerary = site.post("/itineraries", {"user_id": "alice", "bookings": parts})
                yield site
    finally:
        program.close()


def pages(site: ConsoleSite) -> list[str]:
    return [
        "/console/login",
        "/console",
        f"/console/flights/{site.flight['id']}",
        "/console/bookings",
        f"/console/bookings/{site.booking['id']}?version=2",
        f"/console/bookings/{site.itinerary['bookings'][0]['id']}",
        f"/console/itineraries/{site.itinerary['id']}",
        "/console/refunds",
        "/console/webhooks",
        "/console/sales",
        "/console/operations",
    ]


async def test_every_page_obeys_its_content_policy_and_is_accessible(site: ConsoleSite) -> None:
    axe = AXE.read_text(encoding="utf-8")
    await site.sign_in("operator")
    site.page.errors.clear()
    for width, dark in ((1100, False), (360, True)):
        await site.page.screen(width, dark=dark)
        for address in pages(site):
            await site.open(address)
            assert await site.page.js("typeof htmx") == "object"
            assert await site.page.js("getComputedStyle(document.querySelector('main')).maxWidth") == "992px"
            paper = await site.page.js("getComputedStyle(document.body).backgroundColor")
            assert paper == ("rgb(20, 24, 27)" if dark else "rgb(251, 250, 248)")
            assert await site.page.js("document.scrollingElement.scrollWidth") <= width, address
            await site.page.js(axe)
            assert await site.page.js(AXE_RUN) == [], (address, width)
    assert site.page.errors == []


async def test_the_board_refreshes_and_keeps_the_focus(site: ConsoleSite) -> None:
    await site.sign_in("analyst")
    await site.open("/console?origin=LHR")
    await site.page.js("document.querySelector('#origin').focus()")
    free = int(await site.page.js("document.querySelector('td.seats strong').innerText"))
    site.hold()
    # The page does this every five seconds.
    await site.page.js("htmx.trigger('#live', 'every')")
    await site.page.wait_for(f"document.querySelector('td.seats strong').innerText == '{free - 2}'")
    assert await site.page.js("document.activeElement.id") == "origin"


async def test_the_slider_shows_the_state_after_each_event(site: ConsoleSite) -> None:
    await site.sign_in("auditor")
    await site.open(f"/console/bookings/{site.booking['id']}")
    await site.page.js("document.querySelector('#version').focus()")
    for version, status in ((4, "cancelled"), (3, "booked"), (2, "pending")):
        await site.page.press("ArrowLeft")
        await site.page.wait_for(
            f"document.querySelector('#then h2').innerText.startsWith('After event {version} ')"
        )
        assert await site.page.js("document.querySelector('#then dd').innerText") == status
    await site.page.wait_for("location.search == '?version=2'")
    assert await site.page.js("document.activeElement.id") == "version"


async def test_all_pages_work_without_script(site: ConsoleSite) -> None:
    await site.page.do("Emulation.setScriptExecutionDisabled", value=True)
    try:
        await site.sign_in("auditor")
        await site.open("/console")
        await site.page.submit("main form", origin="jfk")
        assert "No flight matches" in await site.page.js("document.body.innerText")
        await site.open(f"/console/bookings/{site.booking['id']}")
        await site.page.submit(".travel", version="2")
        assert (await site.page.js("document.querySelector('#then h2').innerText")).startswith(
            "After event 2 "
        )
        await site.page.submit(".actions form")
        assert "The events are unchanged: yes" in await site.page.js("document.body.innerText")
    finally:
        await site.page.do("Emulation.setScriptExecutionDisabled", value=False)


async def test_the_keyboard_skips_the_menu_and_focus_is_visible(site: ConsoleSite) -> None:
    await site.sign_in("analyst")
    await site.open("/console")
    await site.page.press("Tab")
    where = await site.page.js(
        "(e => [e.className, e.getBoundingClientRect().left >= 0, getComputedStyle(e).outlineStyle])"
        "(document.activeElement)"
    )
    assert where == ["skip", True, "solid"]
    await site.page.press("Enter", text="\r")
    await site.page.wait_for("document.activeElement.id == 'main'")
    await site.page.press("Tab")
    assert await site.page.js("document.activeElement.id") == "origin"


async def test_a_double_click_settles_a_refund_once(site: ConsoleSite) -> None:
    site.pay_and_cancel()
    await site.sign_in("operator")
    await site.open("/console/refunds")
    due = await site.page.js("document.querySelectorAll('form.settle').length")
    click = "b => { b.click(); b.click(); }"
    await site.page.follow(site.page.js(f"({click})(document.querySelector('form.settle button'))"))
    assert (await site.page.js("document.querySelector('.note').innerText")).startswith(
        "Settled: INR 9,000.00"
    )
    assert await site.page.js("document.querySelectorAll('form.settle').length") == due - 1
    settled = site.api.get("/events", params={"type": "booking.refund_settled"}).json()["data"]
    assert len(settled) == 1


async def test_passengers_are_named_by_a_double_click(site: ConsoleSite) -> None:
    booking = site.hold()
    await site.sign_in("operator")
    await site.open(f"/console/bookings/{booking['id']}")
    typed = "Alice; Nguyễn; adult\\nTom; Nguyễn; child"
    await site.page.js(f"document.querySelector('#passengers').value = '{typed}'")
    click = "b => { b.click(); b.click(); }"
    await site.page.follow(site.page.js(f"({click})(document.querySelector('.passengers button'))"))
    assert await site.page.js("document.querySelector('.note').innerText") == "The passengers are named."
    shown = await site.page.js("document.querySelector('#passengers').value")
    assert shown.splitlines() == ["Alice; Nguyễn; adult", "Tom; Nguyễn; child"]
    assert "Alice Nguyễn (adult), Tom Nguyễn (child)" in await site.page.js(
        "document.querySelector('#then').innerText"
    )
    named = site.api.get("/events", params={"booking_id": booking["id"]}).json()["data"]
    assert [event["type"] for event in named] == ["booking.initiated", "booking.passengers_named"]


async def test_a_test_message_of_a_webhook_is_queued_once_by_a_double_click(site: ConsoleSite) -> None:
    url = "https://receiver.invalid/<b>seatledger</b>"
    webhook = site.post("/webhooks", {"url": url, "event_types": ["booking.booked"]})
    await site.sign_in("auditor")
    await site.open("/console/webhooks")
    assert url in await site.page.js("document.querySelector('table').innerText")
    assert await site.page.js("document.querySelectorAll('main form').length") == 0
    await site.sign_in("operator")
    await site.open("/console/webhooks")
    await site.page.js(AXE.read_text(encoding="utf-8"))
    assert await site.page.js(AXE_RUN) == []
    click = "b => { b.click(); b.click(); }"
    await site.page.follow(site.page.js(f"({click})(document.querySelector('main form button'))"))
    note = await site.page.js("document.querySelector('.note').innerText")
    assert note.startswith("A test message is on its way to")
    sent = site.api.get(f"/webhooks/{webhook['id']}/deliveries").json()["data"]
    assert [one["type"] for one in sent] == ["webhook.test"]
    assert "webhook.test test-1" in await site.page.js("document.querySelector('table').innerText")
    site.api.delete(f"/webhooks/{webhook['id']}")
    await site.open("/console/webhooks")
    assert "No webhook is registered" in await site.page.js("document.body.innerText")


async def test_an_open_page_becomes_the_login_page_when_its_token_expires(site: ConsoleSite) -> None:
    await site.sign_in("analyst")
    await site.open("/console/operations")
    await site.page.do("Network.clearBrowserCookies")
    await site.page.follow(site.page.js("htmx.trigger('#live', 'every')"))
    assert await site.page.js("document.querySelector('h1').innerText") == "Sign in"
    await site.page.submit("main form", token="nonsense")
    assert "The token is not valid." in await site.page.js("document.body.innerText")
    assert json.loads(await site.page.js("JSON.stringify(document.cookie)")) == ""
