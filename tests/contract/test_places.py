"""Airports and clocks: codes that exist, local times beside UTC, and the departure day."""

import pytest

from tests.contract.samples import BA117, next_route, on_own_day, query

TIMETABLE = [
    pytest.param(
        ("LHR", "2031-03-30T00:30:00Z", "2031-03-30T00:30:00+00:00"),
        ("CDG", "2031-03-30T01:45:00Z", "2031-03-30T03:45:00+02:00"),
        "2031-03-30",
        id="the clocks go forward in flight",
    ),
    pytest.param(
        ("JFK", "2031-03-09T06:55:00Z", "2031-03-09T01:55:00-05:00"),
        ("BOS", "2031-03-09T08:05:00Z", "2031-03-09T04:05:00-04:00"),
        "2031-03-09",
        id="the hour from two to three does not exist",
    ),
    pytest.param(
        ("LHR", "2031-10-26T01:30:00+01:00", "2031-10-26T01:30:00+01:00"),
        ("DUB", "2031-10-26T01:30:00Z", "2031-10-26T01:30:00+00:00"),
        "2031-10-26",
        id="arrival at the hour of departure, an hour later",
    ),
    pytest.param(
        ("AKL", "2031-07-02T00:30:00+12:00", "2031-07-02T00:30:00+12:00"),
        ("HNL", "2031-07-01T21:15:00Z", "2031-07-01T11:15:00-10:00"),
        "2031-07-02",
        id="arrival on the day before, across the date line",
    ),
    pytest.param(
        ("KTM", "2031-05-02T00:15:00+05:45", "2031-05-02T00:15:00+05:45"),
        ("CHT", "2031-05-02T12:00:00Z", "2031-05-03T00:45:00+12:45"),
        "2031-05-02",
        id="offsets with three quarters of an hour",
    ),
]


@pytest.mark.parametrize(("departure", "arrival", "day"), TIMETABLE)
async def test_a_timetable_has_local_times_beside_utc(operator, alice, departure, arrival, day):
    origin, departs_at, departs_local = departure
    destination, arrives_at, arrives_local = arrival
    plan = {"origin": origin, "destination": destination, "departs_at": departs_at, "arrives_at": arrives_at}
    flight = await operator.create_flight(**plan)
    assert (flight["departs_at_local"], flight["arrives_at_local"]) == (departs_local, arrives_local)
    assert flight["departure_day"] == day
    assert flight["departs_at"].endswith("Z")
    assert (await alice.get(f"/flights/{flight['id']}")).ok() == flight
    [listed] = (await alice.get("/flights" + query(origin=origin, destination=destination))).ok()["data"]
    assert listed == flight


async def test_the_departure_day_is_the_day_as_sent_and_the_day_to_filter_by(operator, alice):
    """A departure sent in UTC has the day in UTC, whatever the day on the clock of the airport."""
    route = next_route()
    plan = on_own_day(BA117) | route
    day = plan["departs_at"][:10]
    flight = await operator.create_flight(
        **route,
        departs_at=f"{day}T23:30:00-11:00",
        arrives_at=plan["arrives_at"].replace(day[:4], str(int(day[:4]) + 1)),
    )
    assert flight["departure_day"] == day
    assert flight["departs_at"][:10] > day
    for date, found in ((day, [flight]), (flight["departs_at"][:10], [])):
        assert (await alice.get("/flights" + query(date=date, **route))).ok()["data"] == found


@pytest.mark.parametrize("code", ["QAA", "ZZZ"])
async def test_an_unknown_airport_is_a_400_with_its_pointer(api, operator, code):
    before = await api.position()
    for field in ("origin", "destination"):
        [error] = (await operator.schedule(**{field: code})).refusal(400, "validation-failed")["errors"]
        assert error["pointer"] == f"/{field}"
        assert code in error["message"]
    both = (await operator.schedule(origin=code, destination="QQQ")).refusal(400)["errors"]
    assert [error["pointer"] for error in both] == ["/origin", "/destination"]
    assert await api.position() == before


async def test_every_answer_to_a_change_of_a_flight_has_local_times(operator):
    flight = await operator.create_flight()
    path = f"/flights/{flight['id']}"
    changed = (await operator.post(f"{path}/seats", {"seats": 12})).ok()
    for name in ("departs_at_local", "arrives_at_local", "departure_day"):
        assert changed[name] == flight[name]


async def test_a_search_for_an_unknown_airport_finds_nothing(alice):
    """Flights in the log may have codes that are not known today."""
    assert (await alice.get("/flights?origin=QAA")).ok()["data"] == []
