"""States of a booking, and the seats that it holds or books in each of them."""

import asyncio

import pytest

from tests.contract.samples import BOOKING_FIELDS, RUPEES, at, is_server_id, new_key, rupees, unknown_id


async def test_a_new_booking_holds_its_seats_until_it_expires(operator, alice):
    flight = await operator.create_flight(seats=10, price=rupees(450000))
    booking = (await alice.book(flight, seats=2)).created()
    assert booking.keys() == BOOKING_FIELDS
    assert is_server_id(booking["id"])
    assert (booking["flight_id"], booking["user_id"]) == (flight["id"], alice.sub)
    assert (booking["seats"], booking["total_cost"]) == (2, rupees(900000))
    assert (booking["status"], booking["version"], booking["payment"]) == ("initiated", 1, None)
    assert at(booking["created_at"]) == at(booking["updated_at"])
    assert 299 <= (at(booking["expires_at"]) - at(booking["created_at"])).total_seconds() <= 301
    assert (await alice.find_booking(booking)).ok() == booking


async def test_seats_are_held_then_booked_then_free_again(operator, alice):
    flight = await operator.create_flight(seats=10)
    assert await alice.count_seats(flight) == (0, 0, 10)
    booking = (await alice.book(flight, seats=3)).created()
    assert await alice.count_seats(flight) == (3, 0, 7)
    (await alice.pay(booking)).created()
    assert await alice.count_seats(flight) == (0, 3, 7)
    (await alice.cancel(booking)).ok()
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_payment_books_the_seats(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    paid = await alice.pay(booking)
    assert paid.created().keys() == {"payment_id", "booking"}
    assert is_server_id(paid.body["payment_id"])
    booked = paid.body["booking"]
    assert booked.keys() == BOOKING_FIELDS
    assert booked["status"] == "booked"
    assert booked["version"] == 3, "pending and booked are both recorded"
    assert paid.body["payment_id"] in booked["payment"].values()
    for name in ("id", "flight_id", "user_id", "seats", "total_cost", "created_at"):
        assert booked[name] == booking[name]
    assert (await alice.find_booking(booking)).ok() == booked


async def test_automatic_capture_can_be_requested_explicitly(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    payment = {
        "booking_id": booking["id"],
        "user_id": alice.sub,
        "total_cost": booking["total_cost"],
        "capture": "automatic",
    }
    paid = (await alice.post("/bookings/payments", payment, key="asked-for-" + booking["id"])).created()
    assert paid["booking"]["status"] == "booked"


@pytest.mark.parametrize("paid", [False, True], ids=["held", "booked"])
@pytest.mark.parametrize("body", [{}, {"reason": "the cat is ill"}], ids=["no reason", "a reason"])
async def test_a_booking_can_be_cancelled_once(api, operator, alice, paid, body):
    flight = await operator.create_flight()
    booking = (await alice.book(flight, seats=2)).created()
    if paid:
        (await alice.pay(booking)).created()
    path = f"/bookings/{booking['id']}/cancel"
    cancelled = (await alice.post(path, body)).ok()
    assert cancelled.keys() == BOOKING_FIELDS
    assert cancelled["status"] == "cancelled"
    assert (await alice.find_booking(booking)).ok() == cancelled
    assert await alice.count_seats(flight) == (0, 0, 10)
    before = await api.position()
    (await alice.post(path, body)).refusal(409, "booking-cancelled")
    assert await api.position() == before
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_a_booking_gets_all_its_seats_or_none(api, operator, alice, bob):
    flight = await operator.create_flight(seats=4)
    (await alice.book(flight, seats=3)).created()
    before = await api.position()
    (await bob.book(flight, seats=2)).refusal(409, "not-enough-seats", asked=2, free=1)
    assert await api.position() == before
    assert await bob.count_seats(flight) == (3, 0, 1)
    (await bob.book(flight, seats=1)).created()
    (await bob.book(flight, seats=1)).refusal(409, "not-enough-seats", asked=1, free=0)


async def test_seats_given_back_can_be_booked_at_once(operator, alice, bob):
    flight = await operator.create_flight(seats=9)
    booking = (await alice.book(flight, seats=9)).created()
    (await bob.book(flight, seats=9)).refusal(409, "not-enough-seats")
    (await alice.cancel(booking)).ok()
    (await bob.book(flight, seats=9)).created()


@pytest.mark.parametrize("seats", [1, 9])
async def test_a_booking_has_one_to_nine_seats(operator, alice, seats):
    assert (await alice.book(await operator.create_flight(), seats=seats)).created()["seats"] == seats


async def test_an_unknown_flight_or_booking_is_a_404(alice):
    (await alice.book({"id": unknown_id()})).refusal(404)
    unknown = {"id": unknown_id(), "total_cost": RUPEES}
    (await alice.find_booking(unknown)).refusal(404)
    (await alice.pay(unknown)).refusal(404)
    (await alice.cancel(unknown)).refusal(404)
    (await alice.get(f"/bookings/{unknown['id']}/history")).refusal(404)


async def test_simultaneous_cancellations_cancel_a_booking_once(operator, alice):
    flight = await operator.create_flight()
    booking = (await alice.book(flight, seats=2)).created()
    answers = await asyncio.gather(*[alice.cancel(booking) for _ in range(8)])
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_paying_and_cancelling_at_once_loses_no_seat(operator, alice):
    for _ in range(10):
        flight = await operator.create_flight()
        booking = (await alice.book(flight, seats=2)).created()
        paid, cancelled = await asyncio.gather(alice.pay(booking), alice.cancel(booking))
        cancelled.ok()
        assert paid.status == 201 or paid.refusal(409, "booking-cancelled")
        assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"
        assert await alice.count_seats(flight) == (0, 0, 10)


async def test_no_command_is_for_the_ledgers_own_name(operator, auditor):
    """Its name stands for the ledger's own commands in the log."""
    flight = await operator.create_flight(seats=1)
    name, hold = "seatledger", {"flight_id": flight["id"], "user_id": "seatledger", "seats": 1}
    booking = (await operator.book(flight)).created()
    refused = [
        (await operator.book(flight, user_id=name), "/user_id"),
        (await operator.pay(booking, user_id=name), "/user_id"),
        (
            await operator.post(f"/flights/{flight['id']}/waitlist", {"user_id": name, "seats": 1}),
            "/user_id",
        ),
        (await operator.post("/bookings/bulk", {"items": [{"key": new_key(), **hold}]}), "/user_id"),
    ]
    for answer, pointer in refused:
        errors = answer.refusal(400, "validation-failed")["errors"]
        assert errors[0]["pointer"].endswith(pointer)
    (await operator.cancel(booking)).ok()
    (await operator.book(flight, user_id=f"{name} 2")).created()
    # An older log may have such a user.
    assert (await auditor.get(f"/bookings?user_id={name}")).ok()["data"] == []
