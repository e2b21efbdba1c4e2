"""Overbooking over HTTP: both numbers of availability, the limit of sales, and denied boarding."""

import asyncio

import pytest

from tests.contract.samples import new_key


async def overbook(operator, flight, seats, **options):
    body = {"seats": seats, "reason": "some never appear"}
    return await operator.post(f"/flights/{flight['id']}/overbooking", body, **options)


async def availability(caller, flight, query=""):
    return (await caller.get(f"/flights/{flight['id']}/availability{query}")).ok()


async def test_availability_has_the_seats_and_the_overbooking(operator, alice, auditor):
    flight = await operator.create_flight(seats=2)
    assert (flight["seats"], flight["overbooking"]) == (2, 0)
    changed = await overbook(operator, flight, 3, key=new_key())
    row = changed.ok()
    assert (row["seats"], row["overbooking"], row["version"]) == (2, 3, 2)
    assert (await operator.get(f"/flights/{flight['id']}")).ok() == row
    (await alice.book(flight, 4)).created()
    counts = {"flight_id": flight["id"], "seats": 2, "overbooking": 3}
    now = counts | {"held": 4, "booked": 0, "available": 1}
    assert await availability(alice, flight) == now
    position = (await operator.read_head())["position"]
    assert await availability(alice, flight, f"?position={position}") == now
    why = (await auditor.get(f"/flights/{flight['id']}/why?seats=1")).ok()
    assert (why["seats"], why["overbooking"], why["available"], why["enough"]) == (2, 3, 1, True)
    (await alice.book(flight, 2)).refusal(409, "not-enough-seats", asked=2, free=1)
    events = (await auditor.get(f"/events?flight_id={flight['id']}&type=flight.overbooking_changed")).ok()[
        "data"
    ]
    assert [event["data"] for event in events] == [{"seats": 3, "reason": "some never appear"}]


async def test_a_rush_sells_exactly_the_seats_and_the_overbooking(operator, crowd):
    flight = await operator.create_flight(seats=4)
    (await overbook(operator, flight, 2)).ok()
    answers = await asyncio.gather(*[buyer.book(flight) for buyer in crowd(16)])
    assert sorted(answer.status for answer in answers) == [201] * 6 + [409] * 10


async def test_overbooking_and_seats_cover_what_is_sold(operator, alice):
    flight = await operator.create_flight(seats=3)
    (await overbook(operator, flight, 2)).ok()
    await alice.book_and_pay(flight, 4)
    (await overbook(operator, flight, 0)).refusal(409, "seats-in-use", in_use=4)
    path = f"/flights/{flight['id']}/seats"
    (await operator.post(path, {"seats": 1})).refusal(409, "seats-in-use", in_use=4)
    (await operator.post(path, {"seats": 2})).ok()
    (await overbook(operator, flight, 3)).ok()
    assert await alice.count_seats(flight) == (0, 4, 1)


@pytest.mark.parametrize(
    "body",
    [
        {"seats": -1, "reason": "x"},
        {"seats": 201, "reason": "x"},
        {"seats": 1},
        {"seats": "1", "reason": "x"},
    ],
)
async def test_an_impossible_overbooking_is_a_400(operator, body):
    flight = await operator.create_flight()
    (await operator.post(f"/flights/{flight['id']}/overbooking", body)).refusal(400)


async def test_a_party_waits_for_an_overbooked_seat(operator, alice, bob):
    flight = await operator.create_flight(seats=1)
    (await alice.book(flight)).created()
    party = (await bob.join_waiting_list(flight)).created()
    (await overbook(operator, flight, 1)).ok()
    assert (await bob.find_party(party))["status"] == "offered"


async def test_denied_boarding_ends_the_booking_with_its_refund(operator, alice):
    flight = await operator.create_flight(seats=1)
    (await overbook(operator, flight, 1)).ok()
    await alice.book_and_pay(flight)
    booking = await alice.book_and_pay(flight)
    (await operator.post(f"/flights/{flight['id']}/departed", {})).ok()
    path = f"/bookings/{booking['id']}/deny-boarding"
    euros = {"amount": 25000, "currency": "EUR"}
    (await alice.post(path, {"reason": "full"})).refusal(403)
    (await operator.post(path, {})).refusal(400)
    denied = (await operator.post(path, {"reason": "came last", "compensation": euros}, key=new_key())).ok()
    assert (denied["status"], denied["payment"]["status"]) == ("cancelled", "refund_due")
    refunds = {row["reason"]: row for row in await operator.list_refunds(booking_id=booking["id"])}
    assert {reason: row["amount"] for reason, row in refunds.items()} == {
        "denied_boarding": booking["total_cost"],
        "compensation": euros,
    }
    (await operator.post(path, {"reason": "again"})).refusal(409, "booking-cancelled")
    event = next(e for e in await operator.read_history(booking) if e["type"] == "booking.cancelled")
    assert (event["data"]["reason"], event["data"]["note"]) == ("denied_boarding", "came last")
    for row in refunds.values():
        assert (await operator.settle(row)).ok()["status"] == "settled"


async def test_boarding_is_denied_to_paid_bookings_only(operator, alice):
    flight = await operator.create_flight()
    held = (await alice.book(flight)).created()
    (await operator.post(f"/bookings/{held['id']}/deny-boarding", {"reason": "full"})).refusal(
        409, "booking-not-paid"
    )
