"""Flights as an operator schedules and changes them and everybody sees them."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.contract.samples import (
    BA117,
    FLIGHT_FIELDS,
    RUPEES,
    a_day,
    an_unknown_id,
    at,
    made_by_the_server,
    on_a_day_of_its_own,
    rupees,
)


async def test_a_scheduled_flight_is_the_flight_everybody_sees(operator, alice):
    plan = on_a_day_of_its_own(BA117)
    flight = (await operator.post("/flights", plan)).made()
    assert flight.keys() == FLIGHT_FIELDS
    assert made_by_the_server(flight["id"])
    assert {name: flight[name] for name in BA117} == BA117
    assert flight["status"] == "scheduled"
    assert at(flight["departs_at"]) == datetime.fromisoformat(plan["departs_at"])
    assert at(flight["arrives_at"]) == datetime.fromisoformat(plan["arrives_at"])
    seen = await alice.get(f"/flights/{flight['id']}")
    assert seen.done() == flight


async def test_a_new_flight_has_every_seat_available(operator, alice):
    flight = await operator.flight(seats=10)
    availability = (await alice.get(f"/flights/{flight['id']}/availability")).done()
    expected = {"flight_id": flight["id"], "seats": 10, "held": 0, "booked": 0, "available": 10}
    assert availability == expected


async def test_an_unknown_flight_is_a_404_everywhere(operator):
    nowhere = f"/flights/{an_unknown_id()}"
    (await operator.get(nowhere)).refused(404)
    (await operator.get(f"{nowhere}/availability")).refused(404)
    (await operator.post(f"{nowhere}/price", {"price": RUPEES})).refused(404)
    (await operator.post(f"{nowhere}/seats", {"seats": 5})).refused(404)


async def test_times_of_any_offset_are_answered_in_utc(operator):
    day = a_day()
    flight = await operator.flight(departs_at=f"{day}T10:00:00+05:30", arrives_at=f"{day}T10:30:00-04:00")
    assert at(flight["departs_at"]) == datetime.fromisoformat(f"{day}T04:30:00+00:00")
    assert at(flight["arrives_at"]) == datetime.fromisoformat(f"{day}T14:30:00+00:00")


async def test_the_same_flight_is_not_scheduled_twice(api, operator):
    plan = on_a_day_of_its_own(BA117)
    (await operator.post("/flights", plan)).made()
    before = await api.position()
    (await operator.post("/flights", plan)).refused(409, "flight-already-scheduled")
    later = plan | {"departs_at": plan["departs_at"].replace("T10:00", "T11:00"), "seats": 7}
    (await operator.post("/flights", later)).refused(409, "flight-already-scheduled")
    assert await api.position() == before
    (await operator.post("/flights", plan | {"number": "BA118"})).made()
    (await operator.post("/flights", plan | {"origin": "DEL"})).made()
    (await operator.post("/flights", plan | {"destination": "JFK"})).refused(409)


async def test_the_departure_day_is_the_day_as_written(operator):
    day = a_day()
    eve = day - timedelta(days=1)
    number, end = "AI131", f"{day + timedelta(days=1)}T12:00:00Z"
    just_after_midnight = {"departs_at": f"{day}T00:30:00+05:30", "arrives_at": end}
    same_instant_in_utc = {"departs_at": f"{eve}T19:00:00Z", "arrives_at": end}
    that_evening_in_utc = {"departs_at": f"{day}T20:00:00Z", "arrives_at": end}
    await operator.flight(number=number, **just_after_midnight)
    await operator.flight(number=number, **same_instant_in_utc)
    (await operator.schedule(number=number, **that_evening_in_utc)).refused(409, "flight-already-scheduled")


async def test_two_operators_at_once_schedule_a_flight_once(operator):
    plan = on_a_day_of_its_own(BA117)
    answers = await asyncio.gather(*[operator.post("/flights", plan) for _ in range(8)])
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_a_new_price_counts_for_new_bookings_only(operator, alice):
    flight = await operator.flight(price=rupees(100))
    old = (await alice.book(flight, seats=2)).made()
    repriced = await operator.post(f"/flights/{flight['id']}/price", {"price": rupees(150)})
    assert repriced.done() == (await alice.get(f"/flights/{flight['id']}")).done()
    assert repriced.body["price"] == rupees(150)
    assert repriced.body["version"] > flight["version"]
    assert (await alice.booking(old)).done() == old
    assert (await alice.book(flight, seats=2)).made()["total_cost"] == rupees(300)
    paid = (await alice.pay(old, rupees(200))).made()["booking"]
    assert (paid["status"], paid["total_cost"]) == ("booked", rupees(200))


async def test_seats_follow_the_aeroplane_down_to_those_in_use(api, operator, alice):
    flight = await operator.flight(seats=10)
    (await alice.book(flight, seats=2)).made()
    (await alice.pay((await alice.book(flight, seats=3)).made())).made()
    path = f"/flights/{flight['id']}/seats"
    assert (await operator.post(path, {"seats": 12})).done()["seats"] == 12
    assert await alice.seats(flight) == (2, 3, 7)
    before = await api.position()
    (await operator.post(path, {"seats": 4})).refused(409, "seats-in-use")
    assert await api.position() == before
    assert (await operator.post(path, {"seats": 5})).done()["seats"] == 5
    assert await alice.seats(flight) == (2, 3, 0)
    (await alice.book(flight)).refused(409, "not-enough-seats", asked=1, free=0)


async def test_a_departed_flight_is_not_bookable(operator, alice):
    departs = datetime.now(UTC) + timedelta(seconds=1.5)
    arrives = departs + timedelta(hours=9)
    flight = await operator.flight(
        number="BA5", departs_at=departs.isoformat(), arrives_at=arrives.isoformat()
    )
    assert flight["status"] == "scheduled"
    await asyncio.sleep((at(flight["departs_at"]) - datetime.now(UTC)).total_seconds() + 0.2)
    (await alice.book(flight)).refused(409, "flight-not-bookable")
    assert (await alice.get(f"/flights/{flight['id']}")).done()["status"] == "departed"
    assert await alice.seats(flight) == (0, 0, 10)
