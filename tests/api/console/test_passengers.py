"""The form that names the passengers of a booking, one on each line."""

from typing import Any

import pytest

from api.console.passenger_lines import parse_lines, show_lines
from api.http.http_errors import ValidationFailed
from tests.api.console.conftest import HOSTILE, ConsoleDesk, HtmlPage, Seat

TWO = "Alice; Nguy\u1ec5n; adult; 1984-02-29\r\nTom; Nguy\u1ec5n; child"


async def form(desk: ConsoleDesk, seats: int = 2) -> tuple[dict[str, Any], Seat, str, dict[str, str]]:
    """Return a booking, an operator, and the address and fields of the form."""
    booking = await desk.people.booking(await desk.people.flight(), seats)
    seat = desk.sit_down("olga", "operator")
    return booking, seat, *fields_of(await seat.open(f"/console/bookings/{booking['id']}"))


def fields_of(page: HtmlPage) -> tuple[str, dict[str, str]]:
    (found,) = page.all("form[@class='stack passengers']")
    fields = {one.attrib["name"]: one.attrib["value"] for one in found.findall(".//input")}
    (text,) = found.findall("textarea")
    return found.attrib["action"], fields | {"passengers": text.text or ""}


async def read(desk: ConsoleDesk, booking: Any) -> Any:
    return (await desk.people.operator.get(f"/api/v1/bookings/{booking['id']}")).json()


async def test_passengers_are_named_once_when_the_form_is_sent_twice(desk: ConsoleDesk) -> None:
    booking, seat, address, fields = await form(desk)
    assert fields["passengers"] == ""
    for _ in range(2):
        answer = await seat.send(address, fields | {"passengers": TWO})
        assert (answer.status, "The passengers are named." in answer.text) == (200, True)
    after = await read(desk, booking)
    assert after["version"] == 2
    assert [(one["given_name"], one["type"]) for one in after["passengers"]] == [
        ("Alice", "adult"),
        ("Tom", "child"),
    ]
    assert after["passengers"][0]["date_of_birth"] == "1984-02-29"


async def test_lines_with_the_same_names_keep_their_passengers(desk: ConsoleDesk) -> None:
    booking, seat, address, fields = await form(desk)
    _, fields = fields_of(await seat.send(address, fields | {"passengers": TWO}))
    assert fields["passengers"] == TWO.replace("\r\n", "\n")
    before = (await read(desk, booking))["passengers"]
    lines = "Bea; Nguy\u1ec5n\nAlice; Nguy\u1ec5n\n\nMia; Nguy\u1ec5n; infant on lap"
    assert (await seat.send(address, fields | {"passengers": lines})).status == 200
    after = (await read(desk, booking))["passengers"]
    assert [(one["given_name"], one["type"]) for one in after] == [
        ("Bea", "adult"),
        ("Alice", "adult"),
        ("Mia", "infant_on_lap"),
    ]
    assert after[1]["id"] == before[0]["id"]
    assert not {after[0]["id"], after[2]["id"]} & {one["id"] for one in before}


async def test_a_refused_list_is_shown_again_as_typed(desk: ConsoleDesk) -> None:
    booking, seat, address, fields = await form(desk)
    answer = await seat.send(address, fields | {"passengers": "Alice; Nguyen"})
    assert (answer.status, "passengers" in answer.text) == (409, True)
    assert fields_of(answer)[1]["passengers"] == "Alice; Nguyen"
    assert (await read(desk, booking))["version"] == 1


async def test_a_page_that_is_no_longer_current_is_refused_once(desk: ConsoleDesk) -> None:
    booking, seat, address, fields = await form(desk)
    other = await seat.send(address, fields | {"passengers": TWO, "key": "of-another"})
    assert other.status == 200
    typed = "Bea; Nguyen\nTom; Nguyen"
    stale = await seat.send(address, fields | {"passengers": typed})
    assert stale.status == 412
    address, fields = fields_of(stale)
    assert fields["passengers"] == typed
    assert (await seat.send(address, fields)).status == 200
    assert [one["given_name"] for one in (await read(desk, booking))["passengers"]] == ["Bea", "Tom"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Alice; Nguyen\nTom", "Line 2, family name: Required"),
        ("Alice; Nguyen\nTom; Nguyen; dog", "Line 2, type: "),
        ("Alice; Nguyen; adult; 1984-02-31\nTom; Nguyen", "Line 1: date_of_birth must be a date"),
        ("Alice; Nguyen; adult; 1984-02-29; vegan\nTom; Nguyen", "Line 1, date of birth: "),
        ("\n".join(["Alice; Nguyen"] * 19), "Passengers: "),
        (" \n ", "Passengers: "),
    ],
)
async def test_a_wrong_line_is_named_and_the_text_kept(desk: ConsoleDesk, text: str, message: str) -> None:
    booking, seat, address, fields = await form(desk)
    answer = await seat.send(address, fields | {"passengers": text})
    assert (answer.status, message in answer.text) == (400, True), answer.text
    assert (await read(desk, booking))["passengers"] == []


async def test_hostile_names_are_text(desk: ConsoleDesk) -> None:
    _, seat, address, fields = await form(desk, 1)
    name = HOSTILE.replace(";", ",")
    answer = await seat.send(address, fields | {"passengers": f"{name}; {name}"})
    assert answer.status == 200
    assert not answer.all("main//script")
    assert fields_of(answer)[1]["passengers"] == f"{name}; {name}; adult"


async def test_only_operators_have_the_form_and_only_for_the_booking_as_it_is_now(desk: ConsoleDesk) -> None:
    booking, seat, address, fields = await form(desk)
    await seat.send(address, fields | {"passengers": TWO})
    earlier = await seat.open(f"/console/bookings/{booking['id']}?version=1")
    auditor = desk.sit_down("amir", "auditor")
    assert not earlier.all("form[@class='stack passengers']")
    assert not (await auditor.open(f"/console/bookings/{booking['id']}")).all(
        "form[@class='stack passengers']"
    )
    assert (await auditor.send(address, fields)).status == 403


def test_lines_are_read_as_they_are_shown() -> None:
    passengers = parse_lines(TWO, []).passengers
    known = [one.as_passenger(None) for one in passengers]  # type: ignore[arg-type]
    assert show_lines(known).splitlines() == TWO.splitlines()


def test_a_line_has_the_rules_of_the_api() -> None:
    with pytest.raises(ValidationFailed):
        parse_lines("Alice", [])
