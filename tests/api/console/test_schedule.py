"""Forms of a flight's page: new times, and all its bookings to another flight."""

from typing import Any

import pytest

from tests.api.console.conftest import ConsoleDesk, HtmlPage, Seat


async def flight_page(desk: ConsoleDesk, **flight: Any) -> tuple[dict[str, Any], Seat, HtmlPage]:
    """Return a flight, an operator and the page of the flight."""
    made, seat = await desk.people.flight(**flight), desk.sit_down("olga", "operator")
    return made, seat, await seat.open(f"/console/flights/{made['id']}")


def form_of(page: HtmlPage, name: str) -> tuple[str, dict[str, str]]:
    """Return the address and the fields of a form, as a browser would send it."""
    (form,) = page.all(f"form[@class='search {name}']")
    fields = {one.attrib["name"]: one.attrib.get("value", "") for one in form.findall(".//input")}
    options = {
        one.attrib["name"]: one.findall("option")[0].attrib["value"] for one in form.findall(".//select")
    }
    return form.attrib["action"], fields | options


async def test_new_times_are_set_once_when_their_form_is_sent_twice(desk: ConsoleDesk) -> None:
    flight, seat, page = await flight_page(desk)
    booking = await desk.people.booking(flight, 2)
    address, fields = form_of(page, "times")
    assert fields["departs_at"] == flight["departs_at"][:16]
    times = {"departs_at": "2040-05-02T10:30", "arrives_at": "2040-05-02T18:00", "reason": "fog"}
    for _ in range(2):
        answer = await seat.send(address, fields | times)
        assert (answer.status, "The flight has its new times" in answer.text) == (200, True)
    again = await desk.people.operator.get(f"/api/v1/flights/{flight['id']}")
    assert (again.json()["departs_at"], again.json()["version"]) == ("2040-05-02T10:30:00Z", 2)
    shown = await seat.open(f"/console/bookings/{booking['id']}")
    assert "2040-05-02 10:30:00 UTC now" in shown.text
    assert (await seat.send(address, fields | times | {"key": "another"})).status == 409


async def test_all_bookings_are_moved_and_those_that_stay_are_named(desk: ConsoleDesk) -> None:
    flight, seat, page = await flight_page(desk)
    assert not page.all("form[@class='search move-all']")
    other = await desk.people.flight(number="BA119", seats=3)
    small, large = await desk.people.booking(flight, 2), await desk.people.booking(flight, 4)
    address, fields = form_of(await seat.open(f"/console/flights/{flight['id']}"), "move-all")
    assert fields["to"] == other["id"]
    answer = await seat.send(address, fields)
    assert (answer.status, "Bookings moved: 1, not moved: 1." in answer.text) == (200, True)
    assert f"/console/bookings/{large['id']}" in answer.links()
    moved = await desk.people.operator.get(f"/api/v1/bookings/{small['id']}")
    assert moved.json()["flight_id"] == other["id"]


@pytest.mark.parametrize(
    "times",
    [
        {"departs_at": "tomorrow"},
        {"departs_at": "2040-02-31T10:30"},
        {"departs_at": "2040-05-02T19:30"},
        {"key": "a b"},
        {"reason": ""},
    ],
)
async def test_wrong_fields_are_refused(desk: ConsoleDesk, times: dict[str, str]) -> None:
    _, seat, page = await flight_page(desk)
    address, fields = form_of(page, "times")
    good = {"departs_at": "2040-05-02T10:30", "arrives_at": "2040-05-02T18:00", "reason": "fog"}
    assert (await seat.send(address, fields | good | times)).status == 400


async def test_a_flight_does_not_take_its_own_bookings(desk: ConsoleDesk) -> None:
    flight, seat, _ = await flight_page(desk)
    address = f"/console/flights/{flight['id']}/move-all"
    assert (await seat.send(address, {"key": "k", "to": flight["id"]})).status == 400


async def test_only_operators_change_flights(desk: ConsoleDesk) -> None:
    flight = await desk.people.flight()
    seat = desk.sit_down("amir", "auditor")
    page = await seat.open(f"/console/flights/{flight['id']}")
    assert not page.all("form[@class='search times']")
    assert (await seat.send(f"/console/flights/{flight['id']}/times", {"key": "k"})).status == 403
