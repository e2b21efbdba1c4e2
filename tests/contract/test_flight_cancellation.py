"""Cancelling a flight cancels its live bookings and makes their refunds due."""

import asyncio

import pytest

from tests.contract.samples import new_key, query, unknown_id

BUYERS = 30


async def list_bookings(operator, flight):
    return (await operator.get("/bookings" + query(flight_id=flight["id"], limit=200))).ok()["data"]


async def test_every_live_booking_is_cancelled_with_its_flight(operator, alice):
    flight = await operator.create_flight()
    held = (await alice.book(flight, seats=1)).created()
    pending = await alice.book_pending(flight, seats=2)
    booked = await alice.book_and_pay(flight, seats=3)
    answer = await operator.cancel_flight(flight)
    cancelled = answer.ok()
    assert cancelled == flight | {"status": "cancelled", "version": flight["version"] + 1}
    assert (await alice.get(f"/flights/{flight['id']}")).ok() == cancelled
    assert await alice.count_seats(flight) == (0, 0, 10)

    payments = {}
    for booking in (held, pending, booked):
        booking_now = (await alice.find_booking(booking)).ok()
        assert booking_now["status"] == "cancelled"
        payments[booking["id"]] = booking_now["payment"] and booking_now["payment"]["status"]
        reasons = [
            event["data"]["reason"]
            for event in await alice.read_history(booking)
            if event["type"] == "booking.cancelled"
        ]
        assert reasons == ["flight_cancelled"]
    assert payments == {held["id"]: None, pending["id"]: "lapsed", booked["id"]: "refund_due"}


async def test_paid_bookings_and_no_others_get_a_refund(operator, crowd):
    carol, dave = crowd(2)
    flight = await operator.create_flight()
    booked = [await carol.book_and_pay(flight, seats) for seats in (1, 3)]
    await dave.book_pending(flight)
    (await dave.book(flight)).created()
    (await operator.cancel_flight(flight)).ok()
    refunds = await operator.list_refunds(user_id=carol.sub)
    assert {(refund["booking_id"], refund["amount"]["amount"]) for refund in refunds} == {
        (booking["id"], booking["total_cost"]["amount"]) for booking in booked
    }
    assert {(refund["reason"], refund["status"]) for refund in refunds} == {("flight_cancelled", "due")}
    assert await operator.list_refunds(user_id=dave.sub) == []


async def test_a_booking_cancelled_before_its_flight_does_not_change(operator, alice):
    flight = await operator.create_flight()
    cancelled = (await alice.cancel(await alice.book_and_pay(flight))).ok()
    (await operator.cancel_flight(flight)).ok()
    assert (await alice.find_booking(cancelled)).ok() == cancelled
    assert len(await operator.list_refunds(booking_id=cancelled["id"])) == 1


async def test_bookings_of_other_flights_do_not_change(operator, alice):
    flight, other = await operator.create_flight(), await operator.create_flight()
    booked = await alice.book_and_pay(other)
    (await operator.cancel_flight(flight)).ok()
    assert (await alice.find_booking(booked)).ok() == booked
    assert await alice.count_seats(other) == (0, 1, 9)


async def test_a_cancelled_flight_accepts_no_command(api, operator, alice):
    flight = await operator.create_flight()
    (await operator.cancel_flight(flight)).ok()
    before = await api.position()
    (await operator.cancel_flight(flight)).refusal(409, "flight-not-bookable")
    (await alice.book(flight)).refusal(409, "flight-not-bookable")
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 20})).refusal(409, "flight-not-bookable")
    assert await api.position() == before
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_the_cancellations_of_a_flight_and_its_bookings_have_consecutive_positions(operator, alice):
    flight = await operator.create_flight()
    booked = [await alice.book_and_pay(flight) for _ in range(3)]
    answer = await operator.cancel_flight(flight)
    positions = [event["position"] for booking in booked for event in (await alice.read_history(booking))[3:]]
    assert sorted(positions) == [answer.position + n for n in range(1, 7)]


async def test_a_repeat_with_the_same_key_replays_the_first_outcome(api, operator, alice):
    flight, key = await operator.create_flight(), new_key()
    booked = await alice.book_and_pay(flight)
    first = await operator.cancel_flight(flight, key=key)
    first.ok()
    before = await api.position()
    second = await operator.cancel_flight(flight, key=key)
    assert (second.ok(), second.replayed, first.replayed) == (first.body, True, False)
    assert await api.position() == before
    assert len(await operator.list_refunds(booking_id=booked["id"])) == 1


async def test_an_unknown_flight_is_a_404(operator):
    (await operator.cancel_flight({"id": unknown_id()})).refusal(404, "flight-not-found")


@pytest.mark.parametrize("role", ["alice", "auditor", "analyst"])
async def test_only_an_operator_cancels_a_flight(request, operator, role):
    flight = await operator.create_flight()
    (await request.getfixturevalue(role).cancel_flight(flight)).refusal(403)
    assert (await operator.get(f"/flights/{flight['id']}")).ok() == flight


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": None}, {"reason": "x", "refund": False}], ids=str
)
async def test_a_cancellation_without_a_reason_is_a_400(operator, body):
    flight = await operator.create_flight()
    (await operator.post(f"/flights/{flight['id']}/cancel", body)).refusal(400)
    assert (await operator.get(f"/flights/{flight['id']}")).ok() == flight


async def test_no_booking_survives_a_cancellation_of_its_flight_at_the_same_time(operator, crowd):
    flight, first = await operator.create_flight(seats=100), asyncio.Event()

    async def buy(buyer):
        booked = await buyer.book(flight)
        first.set()
        if booked.status != 201:
            return booked.refusal(409, "flight-not-bookable") and None
        paid = await buyer.pay(booked.body)
        return paid.status == 201 or (paid.refusal(409, "booking-cancelled") and False)

    async def cancel():
        await first.wait()
        (await operator.cancel_flight(flight)).ok()

    *bought, _ = await asyncio.gather(*[buy(buyer) for buyer in crowd(BUYERS)], cancel())
    bookings = await list_bookings(operator, flight)
    assert len(bookings) == sum(outcome is not None for outcome in bought) > 0
    assert {booking["status"] for booking in bookings} == {"cancelled"}
    refunds = [
        refund for booking in bookings for refund in await operator.list_refunds(booking_id=booking["id"])
    ]
    assert len(refunds) == sum(outcome is True for outcome in bought)
    assert await operator.count_seats(flight) == (0, 0, 100)
