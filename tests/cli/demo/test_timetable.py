"""The sample timetable: parsing, prices, and instants on a given day."""

from datetime import UTC, date, timedelta

import pytest

from cli.demo.timetable import Departure, new_york, read_timetable

HEADINGS = (
    "number,origin,destination,departs_local,arrives_local,"
    "origin_zone,destination_zone,seats,distance_miles,aircraft"
)
UA15 = "UA15,EWR,HNL,10:10,14:30,America/New_York,Pacific/Honolulu,375,4963,767-424ER"
LATE = "B6985,JFK,PSE,23:45,03:44,America/New_York,America/New_York,200,1617,A320-232"
SMALL_HOURS = "XX1,JFK,BOS,01:30,02:40,America/New_York,America/New_York,20,187,ERJ 190-100 IGW"

SUMMER, WINTER = date(2013, 7, 1), date(2013, 1, 7)
CLOCKS_GO_FORWARD, CLOCKS_GO_BACK = date(2025, 3, 9), date(2025, 11, 2)


def line(text: str) -> Departure:
    return read_timetable([HEADINGS, text])[0]


def test_every_line_can_be_scheduled_as_it_is() -> None:
    departures = new_york()
    assert len(departures) == 773
    assert len({(departure.number, departure.origin) for departure in departures}) == 773
    for departure in departures:
        assert departure.origin != departure.destination
        assert 1 <= departure.seats <= 1000


@pytest.mark.parametrize("day", [SUMMER, WINTER, CLOCKS_GO_FORWARD, CLOCKS_GO_BACK])
def test_every_flight_arrives_after_it_departs_and_within_a_day(day: date) -> None:
    for departure in new_york():
        for departs_on in (day - timedelta(days=1), day):  # those by night land on the next day
            departs_at, arrives_at = departure.instants(departs_on)
            duration = arrives_at.astimezone(UTC) - departs_at.astimezone(UTC)
            assert timedelta() < duration < timedelta(hours=14), departure


def test_local_times_carry_the_offset_of_their_airport_on_that_day() -> None:
    summer, winter = line(UA15).scheduled(SUMMER), line(UA15).scheduled(WINTER)
    assert (summer["departs_at"], summer["arrives_at"]) == (
        "2013-07-01T10:10:00-04:00",
        "2013-07-01T14:30:00-10:00",
    )
    assert (winter["departs_at"], winter["arrives_at"]) == (
        "2013-01-07T10:10:00-05:00",
        "2013-01-07T14:30:00-10:00",
    )


def test_an_arrival_that_reads_earlier_than_the_departure_is_on_the_next_day() -> None:
    assert line(LATE).scheduled(SUMMER)["arrives_at"] == "2013-07-02T03:44:00-04:00"


def test_a_flight_over_the_change_of_clocks_lands_in_the_new_offset() -> None:
    late = line(LATE)
    assert late.scheduled(CLOCKS_GO_FORWARD - timedelta(days=1))["arrives_at"] == "2025-03-09T03:44:00-04:00"
    assert late.scheduled(CLOCKS_GO_BACK - timedelta(days=1))["arrives_at"] == "2025-11-02T03:44:00-05:00"


def test_of_a_time_that_exists_twice_the_first_is_meant() -> None:
    assert line(SMALL_HOURS).scheduled(CLOCKS_GO_BACK)["departs_at"] == "2025-11-02T01:30:00-04:00"


def test_a_time_that_does_not_exist_is_read_with_the_offset_before_the_change() -> None:
    assert line(SMALL_HOURS).scheduled(CLOCKS_GO_FORWARD)["arrives_at"] == "2025-03-09T02:40:00-05:00"


def test_the_price_is_a_base_and_so_much_a_mile() -> None:
    assert line(UA15).price == {"amount": 4_900 + 11 * 4_963, "currency": "USD"}
