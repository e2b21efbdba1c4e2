"""Holds end by the clock: without a sweeper, a due hold blocks no seat and cannot be paid."""

import asyncio

import pytest

from tests.contract.samples import at, next_route, query, rupees

HOLD_SECONDS = 60


@pytest.fixture
def program(clock_program):
    return clock_program


@pytest.fixture
def expire(clock):
    """`expire(booking)`: set the clock to the end of the hold."""
    return lambda booking: clock.set_to(booking["expires_at"])


async def test_an_expired_hold_is_available_from_the_instant_it_expires(operator, alice, clock):
    flight = await operator.create_flight(seats=5)
    booking = (await alice.book(flight, seats=5)).created()
    length = at(booking["expires_at"]) - at(booking["created_at"])
    assert length.total_seconds() == HOLD_SECONDS
    assert await alice.count_seats(flight) == (5, 0, 0)
    clock.set_before(booking["expires_at"])
    assert await alice.count_seats(flight) == (5, 0, 0)
    clock.set_to(booking["expires_at"])
    assert await alice.count_seats(flight) == (0, 0, 5)


async def test_an_expired_hold_can_be_bought_by_another_but_not_paid(operator, alice, bob, expire):
    flight = await operator.create_flight(seats=3)
    hers = (await alice.book(flight, seats=3)).created()
    (await bob.book(flight, seats=1)).refusal(409, "not-enough-seats", asked=1, free=0)
    expire(hers)
    his = (await bob.book(flight, seats=3)).created()
    (await alice.pay(hers)).refusal(409, "hold-expired")
    (await alice.pay(hers, rupees(1))).refusal(409, "hold-expired")
    (await bob.pay(his)).created()
    assert await bob.count_seats(flight) == (0, 3, 0)
    (await alice.pay(hers)).refusal(409, "hold-expired")


@pytest.mark.parametrize("price", [None, rupees(1)], ids=["right price", "wrong price"])
async def test_an_expired_hold_cannot_be_paid_even_if_its_seats_are_free(operator, alice, price, expire):
    flight = await operator.create_flight()
    booking = (await alice.book(flight)).created()
    expire(booking)
    (await alice.pay(booking, price)).refusal(409, "hold-expired")
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_seats_of_an_expired_hold_are_not_given_back_twice(operator, alice, bob, expire):
    flight = await operator.create_flight(seats=4)
    hers = (await alice.book(flight, seats=3)).created()
    expire(hers)
    his = (await bob.book(flight, seats=2)).created()
    assert (await alice.cancel(hers)).status in (200, 409)
    assert await bob.count_seats(flight) == (2, 0, 2)
    (await bob.cancel(his)).ok()
    assert await bob.count_seats(flight) == (0, 0, 4)


async def test_a_paid_booking_does_not_expire(operator, alice, bob, expire):
    flight = await operator.create_flight(seats=2)
    booking = (await alice.book(flight, seats=2)).created()
    paid = (await alice.pay(booking)).created()["booking"]
    expire(booking)
    (await bob.book(flight)).refusal(409, "not-enough-seats", asked=1, free=0)
    assert (await alice.find_booking(booking)).ok() == paid
    assert await alice.count_seats(flight) == (0, 2, 0)


async def test_expired_seats_are_free_for_searches_and_smaller_aeroplanes(operator, alice, expire):
    route = next_route()
    flight = await operator.create_flight(seats=6, **route)
    search = "/flights" + query(min_seats=6, **route)
    booking = (await alice.book(flight, seats=5)).created()
    path = f"/flights/{flight['id']}/seats"
    (await operator.post(path, {"seats": 4})).refusal(409, "seats-in-use")
    assert (await alice.get(search)).ok()["data"] == []
    expire(booking)
    assert [row["id"] for row in (await alice.get(search)).ok()["data"]] == [flight["id"]]
    (await operator.post(path, {"seats": 4})).ok()
    assert await alice.count_seats(flight) == (0, 0, 4)


async def test_each_expired_seat_is_sold_once_in_a_rush(operator, alice, crowd, expire):
    flight = await operator.create_flight(seats=9)
    expire((await alice.book(flight, seats=9)).created())
    answers = await asyncio.gather(*[buyer.book(flight) for buyer in crowd(32)])
    assert sorted(answer.status for answer in answers) == [201] * 9 + [409] * 23
    assert await alice.count_seats(flight) == (9, 0, 0)


async def test_a_payment_at_the_end_of_its_hold_either_books_or_is_refused(operator, crowd, clock):
    flight = await operator.create_flight(seats=8)
    buyers = crowd(8)
    bookings = [(await buyer.book(flight)).created() for buyer in buyers]

    clock.set_before(bookings[-1]["expires_at"])
    payments = [buyer.pay(booking) for buyer, booking in zip(buyers, bookings, strict=True)]
    end = asyncio.to_thread(clock.set_to, bookings[-1]["expires_at"])
    *answers, _ = await asyncio.gather(*payments, end)
    paid = sum(answer.status == 201 for answer in answers)
    assert all(answer.status == 201 or answer.refusal(409, "hold-expired") for answer in answers)
    assert await buyers[0].count_seats(flight) == (0, paid, 8 - paid)


async def test_a_pending_payment_can_be_captured_for_fifteen_minutes(operator, alice, bob, expire):
    flight = await operator.create_flight(seats=1)
    pending = await alice.book_pending(flight)
    time_left = at(pending["payment"]["capture_before"]) - at(pending["updated_at"])
    assert time_left.total_seconds() == 900
    expire(pending)
    assert await alice.count_seats(flight) == (1, 0, 0)
    (await bob.book(flight)).refusal(409, "not-enough-seats", asked=1, free=0)
    (await operator.capture(pending)).ok()
    assert await alice.count_seats(flight) == (0, 1, 0)


async def test_an_expired_hold_cannot_give_seats_back(operator, alice, expire):
    flight = await operator.create_flight()
    booking = (await alice.book(flight, seats=3)).created()
    expire(booking)
    (await alice.reduce_seats(booking, 1)).refusal(409, "hold-expired")
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_a_due_hold_has_expired_when_its_flight_is_cancelled(operator, alice, expire):
    flight = await operator.create_flight()
    due = (await alice.book(flight)).created()
    expire(due)
    live = (await alice.book(flight)).created()
    (await operator.cancel_flight(flight)).ok()
    reasons = [(await alice.read_history(booking))[-1]["data"]["reason"] for booking in (due, live)]
    assert reasons == ["hold_expired", "flight_cancelled"]
    (await alice.pay(due)).refusal(409, "hold-expired")
    (await alice.pay(live)).refusal(409, "booking-cancelled")
    assert await alice.count_seats(flight) == (0, 0, 10)
