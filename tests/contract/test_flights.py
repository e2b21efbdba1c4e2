"""Flights: scheduled and changed by operators, readable by every role."""

import asyncio
from datetime import datetime, timedelta

from tests.contract.people import ALICE, OLGA, ApiCaller
from tests.contract.samples import (
    BA117,
    FLIGHT_FIELDS,
    RUPEES,
    at,
    is_server_id,
    next_day,
    on_own_day,
    rupees,
    unknown_id,
)


async def test_a_scheduled_flight_is_readable_by_clients(operator, alice):
    plan = on_own_day(BA117)
    flight = (await operator.post("/flights", plan)).created()
    assert flight.keys() == FLIGHT_FIELDS
    assert is_server_id(flight["id"])
    assert {name: flight[name] for name in BA117} == BA117
    assert flight["status"] == "scheduled"
    assert at(flight["departs_at"]) == datetime.fromisoformat(plan["departs_at"])
    assert at(flight["arrives_at"]) == datetime.fromisoformat(plan["arrives_at"])
    answer = await alice.get(f"/flights/{flight['id']}")
    assert answer.ok() == flight


async def test_a_new_flight_has_every_seat_available(operator, alice):
    flight = await operator.create_flight(seats=10)
    availability = (await alice.get(f"/flights/{flight['id']}/availability")).ok()
    expected = {"flight_id": flight["id"], "seats": 10, "held": 0, "booked": 0, "available": 10}
    assert availability == expected | {"overbooking": 0}


async def test_every_request_for_an_unknown_flight_is_a_404(operator):
    nowhere = f"/flights/{unknown_id()}"
    (await operator.get(nowhere)).refusal(404)
    (await operator.get(f"{nowhere}/availability")).refusal(404)
    (await operator.post(f"{nowhere}/price", {"price": RUPEES})).refusal(404)
    (await operator.post(f"{nowhere}/seats", {"seats": 5})).refusal(404)


async def test_times_with_any_offset_are_returned_in_utc(operator):
    day = next_day()
    flight = await operator.create_flight(
        departs_at=f"{day}T10:00:00+05:30", arrives_at=f"{day}T10:30:00-04:00"
    )
    assert at(flight["departs_at"]) == datetime.fromisoformat(f"{day}T04:30:00+00:00")
    assert at(flight["arrives_at"]) == datetime.fromisoformat(f"{day}T14:30:00+00:00")


async def test_a_flight_cannot_be_scheduled_twice(api, operator):
    plan = on_own_day(BA117)
    (await operator.post("/flights", plan)).created()
    before = await api.position()
    (await operator.post("/flights", plan)).refusal(409, "flight-already-scheduled")
    later = plan | {"departs_at": plan["departs_at"].replace("T10:00", "T11:00"), "seats": 7}
    (await operator.post("/flights", later)).refusal(409, "flight-already-scheduled")
    assert await api.position() == before
    (await operator.post("/flights", plan | {"number": "BA118"})).created()
    (await operator.post("/flights", plan | {"origin": "DEL"})).created()
    (await operator.post("/flights", plan | {"destination": "JFK"})).refusal(409)


async def test_the_departure_day_is_the_local_day_in_the_request(operator):
    day = next_day()
    eve = day - timedelta(days=1)
    number, end = "AI131", f"{day + timedelta(days=1)}T12:00:00Z"
    just_after_midnight = {"departs_at": f"{day}T00:30:00+05:30", "arrives_at": end}
    same_instant_in_utc = {"departs_at": f"{eve}T19:00:00Z", "arrives_at": end}
    that_evening_in_utc = {"departs_at": f"{day}T20:00:00Z", "arrives_at": end}
    await operator.create_flight(number=number, **just_after_midnight)
    await operator.create_flight(number=number, **same_instant_in_utc)
    (await operator.schedule(number=number, **that_evening_in_utc)).refusal(409, "flight-already-scheduled")


async def test_simultaneous_requests_schedule_a_flight_once(operator):
    plan = on_own_day(BA117)
    answers = await asyncio.gather(*[operator.post("/flights", plan) for _ in range(8)])
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_a_new_price_applies_to_new_bookings_only(operator, alice):
    flight = await operator.create_flight(price=rupees(100))
    old = (await alice.book(flight, seats=2)).created()
    repriced = await operator.post(f"/flights/{flight['id']}/price", {"price": rupees(150)})
    assert repriced.ok() == (await alice.get(f"/flights/{flight['id']}")).ok()
    assert repriced.body["price"] == rupees(150)
    assert repriced.body["version"] > flight["version"]
    assert (await alice.find_booking(old)).ok() == old
    assert (await alice.book(flight, seats=2)).created()["total_cost"] == rupees(300)
    paid = (await alice.pay(old, rupees(200))).created()["booking"]
    assert (paid["status"], paid["total_cost"]) == ("booked", rupees(200))


async def test_seats_can_be_reduced_to_the_seats_in_use(api, operator, alice):
    flight = await operator.create_flight(seats=10)
    (await alice.book(flight, seats=2)).created()
    (await alice.pay((await alice.book(flight, seats=3)).created())).created()
    path = f"/flights/{flight['id']}/seats"
    assert (await operator.post(path, {"seats": 12})).ok()["seats"] == 12
    assert await alice.count_seats(flight) == (2, 3, 7)
    before = await api.position()
    (await operator.post(path, {"seats": 4})).refusal(409, "seats-in-use")
    assert await api.position() == before
    assert (await operator.post(path, {"seats": 5})).ok()["seats"] == 5
    assert await alice.count_seats(flight) == (2, 3, 0)
    (await alice.book(flight)).refusal(409, "not-enough-seats", asked=1, free=0)


async def test_a_departed_flight_is_not_bookable(clock, clock_api):
    operator, alice = ApiCaller.of(clock_api, OLGA), ApiCaller.of(clock_api, ALICE)
    departs = clock.now() + timedelta(minutes=1)
    arrives = departs + timedelta(hours=9)
    flight = await operator.create_flight(
        number="BA5", departs_at=departs.isoformat(), arrives_at=arrives.isoformat()
    )
    assert flight["status"] == "scheduled"
    clock.set_before(flight["departs_at"])
    assert (await alice.get(f"/flights/{flight['id']}")).ok()["status"] == "scheduled"
    clock.set_to(flight["departs_at"])
    (await alice.book(flight)).refusal(409, "flight-not-bookable")
    assert (await alice.get(f"/flights/{flight['id']}")).ok()["status"] == "departed"
    assert await alice.count_seats(flight) == (0, 0, 10)
