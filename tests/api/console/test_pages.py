"""Contents of the pages, requested over HTTP and parsed as XML, without a browser."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import psycopg
import pytest

from api.console import booking_checks
from api.console.pages import money
from audit.proofs.check import check
from tests.api.console.conftest import HOSTILE, ConsoleDesk, MakeBooking

SOON = {
    "departs_at": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
    "arrives_at": (datetime.now(UTC) + timedelta(days=3, hours=8)).isoformat(),
}


async def test_the_board_shows_free_seats_and_searches_flights(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("nina", "analyst")
    flight = await people.flight()
    await people.flight(number="AI101", origin="DEL", seats=3)
    await people.booking(flight, 4)
    board = await seat.open("/console")
    assert "6 of 10" in board.text
    assert "0 booked, 4 held, 6 free of 10" in [
        bar.attrib["aria-label"] for bar in board.all("svg[@class='bar']")
    ]
    results = await seat.open("/console?origin=del&destination=&date=&min_seats=3&sort=price&currency=inr")
    assert ("AI101" in results.text, "BA117" in results.text) == (True, False)
    assert "No flight matches" in (await seat.open("/console?min_seats=7&origin=lhr")).text
    mixed = await seat.open("/console?sort=price&currency=")
    assert (mixed.status, "currency: Required" in mixed.text) == (400, True)
    wrong = await seat.open("/console?origin=LHRX")
    assert (wrong.status, "origin:" in wrong.text) == (400, True)


async def test_departed_flights_are_listed_on_the_day_of_departure_only(desk: ConsoleDesk) -> None:
    seat = desk.sit_down("nina", "analyst")
    await desk.people.flight()
    with psycopg.connect(desk.database_url, autocommit=True) as connection:
        connection.execute(
            "update ledger.flights set departs_at = '2020-05-17 21:45Z', departure_day = '2020-05-17'"
        )
    assert "No flight matches" in (await seat.open("/console")).text
    assert "departed" in (await seat.open("/console?date=2020-05-17")).text


async def test_lists_have_links_to_the_next_page(desk: ConsoleDesk) -> None:
    seat = desk.sit_down("nina", "analyst")
    for number in range(3):
        await desk.people.flight(number=f"BA{number + 1}")
    first = await seat.open("/console?limit=2&sort=-departs_at")
    (next_page,) = [link for link in first.links() if "cursor=" in link]
    second = await seat.open(next_page)
    numbers = [re.findall(r"BA\d", page.text) for page in (first, second)]
    assert sorted(numbers[0] + numbers[1]) == ["BA1", "BA2", "BA3"]
    assert (await seat.open(next_page[:-4] + "AAAA")).status == 400


async def test_a_flight_shows_its_seats_over_time_and_its_waiting_list(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("nina", "analyst")
    flight = await people.flight(seats=2)
    address = f"/console/flights/{flight['id']}"
    assert "The analytics tables have no change of its seats yet" in (await seat.open(address)).text
    booking = await people.booking(flight, 2)
    joined = await people.bob.post(
        f"/api/v1/flights/{flight['id']}/waitlist", json={"user_id": "bob", "seats": 2}
    )
    assert joined.status_code == 201
    await people.pay(booking)
    await desk.follow()
    page = await seat.open(address)
    assert "1 party for 2 seats" in page.text
    assert "At the end 2 booked, 0 held and 0 free of 2 seats." in page.text
    rows = [["".join(cell.itertext()) for cell in row] for row in page.all("figure//tbody/tr")]
    assert [row[2:] for row in rows] == [["0", "0", "2", "2"], ["0", "2", "0", "2"], ["2", "0", "0", "2"]]
    assert "Up to date with the log" in page.text
    assert not [link for link in page.links() if "bookings" in link]


async def test_a_booking_shows_its_history_and_its_state_after_each_event(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("amir", "auditor")
    booking = await people.booking(await people.flight())
    await people.pay(booking)
    history = (await people.auditor.get(f"/api/v1/bookings/{booking['id']}/history")).json()["events"]
    address = f"/console/bookings/{booking['id']}"
    states = []
    for version in (1, 2, 3):
        page = await seat.open(f"{address}?version={version}")
        states.append(re.search(r"event (\d) of 3 .*? Status (?:changed )?(\w+)", page.text).groups())  # type: ignore[union-attr]
        assert page.all("input[@type='range']")[0].attrib["value"] == str(version)
    assert states == [("1", "initiated"), ("2", "pending"), ("3", "booked")]
    for event in history:
        assert event["hash"] in page.text
    assert (await seat.open(f"{address}?version=0")).status == 400
    beyond = await seat.open(f"{address}?version=4")
    assert (beyond.status, "It is at version 3" in beyond.text) == (404, True)


async def test_a_booking_is_found_by_its_reference(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("amir", "auditor")
    flight = await people.flight()
    booking, other = await people.booking(flight), await people.booking(flight)
    page = await seat.open(f"/console/bookings?reference={booking['reference'].lower()}")
    assert (booking["reference"] in page.text, other["reference"] in page.text) == (True, False)
    assert f"Booking {booking['reference']}" in (await seat.open(f"/console/bookings/{booking['id']}")).text
    wrong = await seat.open("/console/bookings?reference=O0O0O0")
    assert (wrong.status, "reference:" in wrong.text) == (400, True)


async def test_an_itinerary_shows_its_bookings_and_their_history(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("amir", "auditor")
    flights = [await people.flight(number=number) for number in ("BA117", "BA118")]
    body = {
        "user_id": HOSTILE,
        "bookings": [{"flight_id": flight["id"], "seats": 2} for flight in flights],
    }
    made = (await people.operator.post("/api/v1/itineraries", json=body)).json()
    first, second = (booking["id"] for booking in made["bookings"])
    address = f"/console/itineraries/{made['id']}"
    assert address in (await seat.open(f"/console/bookings/{first}")).links()
    await people.operator.post(f"/api/v1/bookings/{second}/cancel", json={})
    page = await seat.open(address)
    assert page.status == 200
    assert {f"/console/bookings/{first}", f"/console/bookings/{second}?version=2"} <= set(page.links())
    assert len(page.all("ol[@class='timeline']/li")) == 3
    assert "<script>alert" not in page.answer.text
    assert (await seat.open("/console/itineraries/x")).status == 404
    assert (await desk.sit_down("nina", "analyst").open(address)).status == 403


async def test_checks_of_a_booking_pass_and_its_proof_checks_without_the_server(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("amir", "auditor")
    booking = await people.booking(await people.flight())
    address = f"/console/bookings/{booking['id']}"
    assert "not checked" in (await seat.send(f"{address}/verify")).text
    assert (await seat.open(f"{address}/proof")).status == 404
    pem = await desk.sign()
    await people.pay(booking)
    page = await seat.send(f"{address}/verify")
    assert [item.attrib["class"] for item in page.all("ul[@class='findings']/li")] == ["good"] * 3
    assert "1 of 3 events proved" in page.text
    proof = await seat.browser.get(f"{address}/proof")
    assert proof.headers["content-disposition"] == f'attachment; filename="proof-{booking["id"]}.json"'
    assert "proved against checkpoint" in check(proof.content, pem)[-1]


@pytest.mark.parametrize(
    ("change", "failed_check"),
    [
        ("ledger.events set actor = 'eve' where position = 4", 0),
        ("ledger.bookings set seats = 1", 1),
        ("ledger.events set actor = 'eve' where position = 2", 2),
    ],
)
async def test_checks_of_a_booking_find_a_changed_row(
    desk: ConsoleDesk, change: str, failed_check: int
) -> None:
    people, seat = desk.people, desk.sit_down("amir", "auditor")
    flight = await people.flight()
    booking = await people.booking(flight)
    # Puts another booking's event between the events of this booking.
    await people.booking(flight, 1)
    await people.pay(booking)
    await desk.sign()
    with psycopg.connect(desk.database_url, autocommit=True) as connection:
        connection.execute("alter table ledger.events disable trigger all")
        connection.execute(f"update {change}".encode())
    page = await seat.send(f"/console/bookings/{booking['id']}/verify")
    assert page.all("ul[@class='findings']/li")[failed_check].attrib["class"] == "bad"


async def test_a_booking_with_too_many_events_is_not_checked(
    desk: ConsoleDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = await desk.people.booking(await desk.people.flight())
    await desk.people.pay(booking)
    monkeypatch.setattr(booking_checks, "EVENTS_MAX", 2)
    page = await desk.sit_down("amir", "auditor").send(f"/console/bookings/{booking['id']}/verify")
    assert "more than 2 events: run `seatledger verify`" in page.text
    assert page.all("ul[@class='findings']/li")[0].attrib["class"] not in ("good", "bad")


async def test_sales_figures_match_the_facts(desk: ConsoleDesk) -> None:
    people, seat = desk.people, desk.sit_down("nina", "analyst")
    flight = await people.flight(**SOON)
    empty = await seat.open("/console/sales")
    assert "No sales in this period" in empty.text
    assert "behind" in empty.text
    paid, cancelled = await people.booking(flight, 2), await people.booking(flight, 1)
    await people.pay(paid, "pay-1")
    await people.pay(cancelled, "pay-2")
    await people.alice.post(f"/api/v1/bookings/{cancelled['id']}/cancel", json={})
    await desk.follow()
    page = await seat.open("/console/sales")
    assert "captured INR 13,500.00, refunds due INR 4,500.00" in page.text
    assert "With 2 days to go 1 flights are 20.0% booked" in page.text
    assert "paid 2 100.0 %" in page.text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (2**53 - 2, "INR", "INR 90,071,992,547,409.90"),
        (2**63, "INR", "INR 92,233,720,368,547,758.08"),
        (-405, "INR", "INR -4.05"),
        (7, "JPY", "JPY 7"),
        (1_234_067, "KWD", "KWD 1,234.067"),
    ],
)
def test_money_is_rendered_to_the_minor_unit(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


async def test_a_slow_figure_is_left_out_and_the_others_are_shown(desk: ConsoleDesk) -> None:
    await desk.follow()
    with psycopg.connect(desk.database_url) as connection:
        connection.execute("lock table ledger.facts_payments_1 in access exclusive mode")
        page = await desk.sit_down("nina", "analyst").open("/console/sales")
    assert page.status == 200
    assert "Sales took too long to compute" in page.text
    assert "initiated 0" in page.text


async def test_operations_shows_every_readiness_check(desk: ConsoleDesk) -> None:
    await desk.people.flight()
    ready = (await desk.people.auditor.get("/health/ready")).json()
    await desk.sign()
    page = await desk.sit_down("amir", "auditor").open("/console/operations")
    for check_ in ready["checks"]:
        assert f"{check_['name'].replace('-', ' ')}: {'ok' if check_['ok'] else 'not ok'}" in page.text
    assert "fsync, full_page_writes and synchronous_commit are on" in page.text
    assert "fsync" not in (await desk.sit_down("nina", "analyst").open("/console/operations")).text
    assert "Last signed checkpoint" in page.text
    assert "bookings" in page.text
    assert (
        "Last signed checkpoint"
        not in (await desk.sit_down("nina", "analyst").open("/console/operations")).text
    )


async def test_a_refund_is_settled_once_when_its_form_is_sent_twice(
    desk: ConsoleDesk, hostile_booking: MakeBooking
) -> None:
    await hostile_booking()
    seat = desk.sit_down("olga", "operator")
    page = await seat.open("/console/refunds")
    (form,) = page.all("form[@class='settle']")
    fields = {"key": form.findall(".//input[@name='key']")[0].attrib["value"], "reference": "wire 7"}
    answers = [await seat.send(form.attrib["action"], fields) for _ in range(2)]
    for answer in answers:
        assert answer.status == 200
        assert "Settled: INR 9,000.00" in answer.text
        assert "No refund is due." in answer.text
    events = (await desk.people.auditor.get("/api/v1/events?type=booking.refund_settled")).json()["data"]
    assert [json.loads(json.dumps(event["data"]))["reference"] for event in events] == ["wire 7"]
    assert [event["actor"] for event in events] == ["olga"]
    again = await seat.send(form.attrib["action"], {"key": "another", "reference": "wire 8"})
    assert again.status == 409
    assert again.all("p[@role='alert']")


@pytest.mark.parametrize(
    "fields", [{}, {"key": ""}, {"key": "\x00"}, {"key": "a b"}, {"reference": "wire 7"}]
)
async def test_a_settlement_form_without_a_valid_key_is_refused(
    desk: ConsoleDesk, hostile_booking: MakeBooking, fields: dict[str, str]
) -> None:
    await hostile_booking()
    (refund,) = (await desk.people.auditor.get("/api/v1/refunds")).json()["data"]
    browser = desk.sit_down("olga", "operator").browser
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    address = f"/console/refunds/{refund['id']}/settle"
    page = await browser.post(address, content=urlencode(fields), headers=headers)
    assert page.status_code == 400
    assert (await desk.people.auditor.get("/api/v1/refunds")).json()["data"] == [refund]


async def test_only_operators_settle_refunds(desk: ConsoleDesk, hostile_booking: MakeBooking) -> None:
    await hostile_booking()
    seat = desk.sit_down("amir", "auditor")
    page = await seat.open("/console/refunds")
    assert "INR 9,000.00" in page.text
    assert not page.all("form[@class='settle']")
    (refund,) = (await desk.people.auditor.get("/api/v1/refunds")).json()["data"]
    assert (await seat.send(f"/console/refunds/{refund['id']}/settle", {"key": "k"})).status == 403
    assert (await desk.people.auditor.get("/api/v1/refunds")).json()["data"] == [refund]


async def test_analysts_have_no_access_to_customers(desk: ConsoleDesk, hostile_booking: MakeBooking) -> None:
    booking = await hostile_booking()
    seat = desk.sit_down("nina", "analyst")
    for address in (
        "/console/bookings",
        "/console/refunds",
        f"/console/bookings/{booking['id']}",
        f"/console/bookings/{booking['id']}/proof",
    ):
        page = await seat.open(address)
        assert page.status == 403
        assert "This request requires one of the roles: auditor, operator." in page.text
    for address in (
        "/console",
        "/console/sales",
        "/console/operations",
        f"/console/flights/{booking['flight_id']}",
    ):
        page = await seat.open(address)
        assert page.status == 200
        assert "script" not in page.text
        assert not {"/console/bookings", "/console/refunds"} & set(page.links())


async def test_text_of_users_is_escaped(desk: ConsoleDesk, hostile_booking: MakeBooking) -> None:
    booking = await hostile_booking()
    seat = desk.sit_down(HOSTILE.replace("\N{RIGHT-TO-LEFT OVERRIDE}", ""), "operator")
    visible = HOSTILE.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "⟦U+202E⟧")
    for address in (f"/console/bookings/{booking['id']}", "/console/bookings", "/console/refunds"):
        page = await seat.open(address)
        assert visible in page.text
        assert len(page.all("script")) == 1
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.answer.text
        assert [bdi for bdi in page.all("bdi") if bdi.text == visible]
    echoed = await seat.browser.get("/console/bookings", params={"user_id": HOSTILE, "status": "cancelled"})
    assert "&lt;script&gt;" in echoed.text
    assert "<script>alert" not in echoed.text
    assert "<script>alert" not in (await seat.browser.get("/console?origin=<script>alert(1)</script>")).text


async def test_a_404_is_a_page(desk: ConsoleDesk) -> None:
    seat = desk.sit_down("amir", "auditor")
    for address, word in (
        ("/console/flights/x", "There is no such flight."),
        ("/console/bookings/x", "There is no such booking."),
        ("/console/nowhere/at/all", "There is no resource at this URL."),
    ):
        page = await seat.open(address)
        assert (page.status, word in page.text) == (404, True)
        assert page.answer.headers["content-type"] == "text/html; charset=utf-8"
