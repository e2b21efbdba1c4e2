"""Coming and going: how a token becomes a cookie, and who may use it."""

import time

import httpx

from api.console.cookie import GRACE_SECONDS
from tests.api.conftest import token
from tests.api.console.conftest import Desk, Seat, Seen

SAMPLE_ID = "01932c07-5bb0-7aaa-8000-00000000ba17"
FORM = {"sec-fetch-site": "same-origin"}


async def enter(desk: Desk, bearer: str, **headers: str) -> Seen:
    answer = await desk.people.nobody.post(
        "/console/login", data={"token": bearer, "next": "/console/sales"}, headers={**FORM, **headers}
    )
    return Seen(answer)


async def test_a_token_opens_the_console_and_stays_in_a_cookie_of_the_console(desk: Desk) -> None:
    came = await enter(desk, token("amir", "auditor"))
    assert (came.status, came.answer.headers["location"]) == (303, "/console/sales")
    kept = came.answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/console", "Max-Age="):
        assert part in kept
    assert "Secure" not in kept
    assert 0 < int(kept.partition("Max-Age=")[2]) - GRACE_SECONDS <= 600
    assert "amir auditor" in Seen(await desk.people.nobody.get("/console/sales")).answer.text.replace(
        "</bdi> <small>", " "
    )


async def test_over_tls_the_cookie_is_secure(desk: Desk) -> None:
    came = await enter(desk, token("amir", "auditor"), origin="https://ledger.test")
    assert came.answer.headers["set-cookie"].endswith("; Secure")


async def test_what_is_no_good_token_is_told_so(desk: Desk) -> None:
    for bearer, word in (
        ("", "Paste a token first."),
        ("nonsense", "The token is not valid."),
        (token("amir", "auditor", exp=int(time.time()) - 1), "The token has expired."),
        (token("alice", "client"), "none of its roles may use the console"),
    ):
        came = await enter(desk, bearer)
        assert came.status in (401, 403)
        assert word in came.text
        assert "set-cookie" not in came.answer.headers
        assert came.all("input[@name='next']")[0].attrib["value"] == "/console/sales"


async def test_a_token_that_ends_leads_back_to_the_login_page_and_on_from_there(desk: Desk) -> None:
    seat = desk.sit_down("amir", "auditor")
    seat.browser.cookies.set(
        "seatledger_console",
        token("amir", "auditor", exp=int(time.time()) - 1),
        domain="ledger.test",
        path="/console",
    )
    seen = await seat.open("/console/bookings?status=booked")
    assert seen.status == 401
    assert "The token has expired." in seen.text
    assert seen.all("input[@name='next']")[0].attrib["value"] == "/console/bookings?status=booked"
    assert "Max-Age=0" in seen.answer.headers["set-cookie"]


async def test_the_way_on_never_leads_away(desk: Desk) -> None:
    for target in (
        "https://evil.test/",
        "//evil.test/console",
        "/api/v1/info",
        "/console\\@x",
        "/console/\n",
        "x",
    ):
        fields = {"token": token("amir", "auditor"), "next": target}
        answer = await desk.people.nobody.post("/console/login", data=fields, headers=FORM)
        assert answer.headers["location"] == "/console", target


async def test_the_api_takes_no_cookie(desk: Desk) -> None:
    browser = desk.people.nobody
    jar = {"cookie": f"seatledger_console={token('ops', 'operator')}"}
    assert (await browser.get("/api/v1/bookings", headers=jar)).status_code == 401
    assert (await browser.get("/console/bookings", headers=jar)).status_code == 200


async def test_signing_out_drops_the_cookie(desk: Desk) -> None:
    left = await desk.sit_down("amir", "auditor").send("/console/logout")
    assert (left.status, left.answer.headers["location"]) == (303, "/console/login")
    assert "Max-Age=0" in left.answer.headers["set-cookie"]


async def test_no_other_page_can_send_our_forms(desk: Desk) -> None:
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
            assert "was not sent by a page" in answer.text
            assert "set-cookie" not in answer.headers


async def test_where_browsers_send_no_fetch_metadata_the_origin_decides(desk: Desk) -> None:
    seat = desk.sit_down("ops", "operator")
    answer = await seat.browser.post("/console/logout", headers={"origin": "http://ledger.test"})
    assert answer.status_code == 303


async def test_forms_are_nothing_but_forms(desk: Desk) -> None:
    browser: httpx.AsyncClient = desk.people.nobody
    as_json = await browser.post("/console/login", json={"token": "x"}, headers=FORM)
    assert as_json.status_code == 415
    twice = {"content-type": "application/x-www-form-urlencoded", **FORM}
    assert (await browser.post("/console/login", content="token=a&token=b", headers=twice)).status_code == 400


async def test_every_page_is_kept_from_harm(desk: Desk) -> None:
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
