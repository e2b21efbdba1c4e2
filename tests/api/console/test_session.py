"""Sign-in and sign-out: the token cookie, and its protection against other sites."""

import time

import httpx

from api.console.cookie import GRACE_SECONDS
from tests.api.conftest import token
from tests.api.console.conftest import ConsoleDesk, HtmlPage, Seat

SAMPLE_ID = "01932c07-5bb0-7aaa-8000-00000000ba17"
FORM = {"sec-fetch-site": "same-origin"}


async def sign_in(desk: ConsoleDesk, bearer: str, **headers: str) -> HtmlPage:
    answer = await desk.people.anonymous.post(
        "/console/login", data={"token": bearer, "next": "/console/sales"}, headers={**FORM, **headers}
    )
    return HtmlPage(answer)


async def test_a_valid_token_is_stored_in_a_cookie_of_the_console(desk: ConsoleDesk) -> None:
    answered = await sign_in(desk, token("amir", "auditor"))
    assert (answered.status, answered.answer.headers["location"]) == (303, "/console/sales")
    cookie = answered.answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/console", "Max-Age="):
        assert part in cookie
    assert "Secure" not in cookie
    assert 0 < int(cookie.partition("Max-Age=")[2]) - GRACE_SECONDS <= 600
    assert "amir auditor" in HtmlPage(await desk.people.anonymous.get("/console/sales")).answer.text.replace(
        "</bdi> <small>", " "
    )


async def test_over_tls_the_cookie_is_secure(desk: ConsoleDesk) -> None:
    answered = await sign_in(desk, token("amir", "auditor"), origin="https://ledger.test")
    assert answered.answer.headers["set-cookie"].endswith("; Secure")


async def test_an_invalid_token_is_refused_with_a_reason(desk: ConsoleDesk) -> None:
    for bearer, word in (
        ("", "Paste a token first."),
        ("nonsense", "The token is not valid."),
        (token("amir", "auditor", exp=int(time.time()) - 1), "The token has expired."),
        (token("alice", "client"), "none of its roles may use the console"),
    ):
        answered = await sign_in(desk, bearer)
        assert answered.status in (401, 403)
        assert word in answered.text
        assert "set-cookie" not in answered.answer.headers
        assert answered.all("input[@name='next']")[0].attrib["value"] == "/console/sales"


async def test_an_expired_token_leads_to_the_login_page_and_back(desk: ConsoleDesk) -> None:
    seat = desk.sit_down("amir", "auditor")
    seat.browser.cookies.set(
        "seatledger_console",
        token("amir", "auditor", exp=int(time.time()) - 1),
        domain="ledger.test",
        path="/console",
    )
    page = await seat.open("/console/bookings?status=booked")
    assert page.status == 401
    assert "The token has expired." in page.text
    assert page.all("input[@name='next']")[0].attrib["value"] == "/console/bookings?status=booked"
    assert "Max-Age=0" in page.answer.headers["set-cookie"]


async def test_sign_in_redirects_to_pages_of_the_console_only(desk: ConsoleDesk) -> None:
    for target in (
        "https://evil.test/",
        "//evil.test/console",
        "/api/v1/info",
        "/console\\@x",
        "/console/\n",
        "x",
    ):
        fields = {"token": token("amir", "auditor"), "next": target}
        answer = await desk.people.anonymous.post("/console/login", data=fields, headers=FORM)
        assert answer.headers["location"] == "/console", target


async def test_the_api_accepts_no_cookie(desk: ConsoleDesk) -> None:
    browser = desk.people.anonymous
    jar = {"cookie": f"seatledger_console={token('ops', 'operator')}"}
    assert (await browser.get("/api/v1/bookings", headers=jar)).status_code == 401
    assert (await browser.get("/console/bookings", headers=jar)).status_code == 200


async def test_signing_out_deletes_the_cookie(desk: ConsoleDesk) -> None:
    answer = await desk.sit_down("amir", "auditor").send("/console/logout")
    assert (answer.status, answer.answer.headers["location"]) == (303, "/console/login")
    assert "Max-Age=0" in answer.answer.headers["set-cookie"]


async def test_other_sites_cannot_send_the_forms(desk: ConsoleDesk) -> None:
    seat = desk.sit_down("ops", "operator")
    settle = f"/console/refunds/{SAMPLE_ID}/settle"
    for form in ("/console/login", "/console/logout", settle, f"/console/bookings/{SAMPLE_ID}/verify"):
        for origin in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": "http://ledger.test"},
            {"origin": "http://evil.test"},
            {"origin": "null"},
            {},
        ):
            answer = await seat.browser.post(form, data={"token": "x"}, headers=origin)
            assert answer.status_code == 403, (form, origin)
            assert "was not sent from this console" in answer.text
            assert "set-cookie" not in answer.headers


async def test_without_fetch_metadata_the_origin_decides(desk: ConsoleDesk) -> None:
    seat = desk.sit_down("ops", "operator")
    answer = await seat.browser.post("/console/logout", headers={"origin": "http://ledger.test"})
    assert answer.status_code == 303


async def test_forms_accept_form_encoding_only(desk: ConsoleDesk) -> None:
    browser: httpx.AsyncClient = desk.people.anonymous
    as_json = await browser.post("/console/login", json={"token": "x"}, headers=FORM)
    assert as_json.status_code == 415
    twice = {"content-type": "application/x-www-form-urlencoded", **FORM}
    assert (await browser.post("/console/login", content="token=a&token=b", headers=twice)).status_code == 400


async def test_every_page_has_security_headers(desk: ConsoleDesk) -> None:
    seat: Seat = desk.sit_down("ops", "operator")
    pages = ("/console", "/console/login", "/console/refunds", "/console/flights/x")
    for address in (*pages, "/console/static/console.css"):
        headers = (await seat.browser.get(address)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store" or address not in pages
