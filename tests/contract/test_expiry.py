"""Holds end by the clock: here no sweeper ever runs, and a due hold blocks nobody."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.contract.samples import a_route, at, passed, query, rupees


@pytest.fixture
def program(forgetful_program):
    return forgetful_program


async def expired(booking):
    """Waits until the hold is over."""
    await passed(booking["expires_at"])


async def test_an_expired_hold_is_available_from_the_instant_it_expires(operator, alice):
    flight = await operator.flight(seats=5)
    booking = (await alice.book(flight, seats=5)).made()
    ends = at(booking["expires_at"])
    assert 1.5 <= (ends - at(booking["created_at"])).total_seconds() <= 2.5
    while True:
        asked = datetime.now(UTC)
        seats = await alice.seats(flight)
        if datetime.now(UTC) < ends:
            assert seats == (5, 0, 0)
        if asked > ends:
            assert seats == (0, 0, 5)
            break
        await asyncio.sleep(0.05)


async def test_an_expired_hold_can_be_bought_by_another_but_not_paid(operator, alice, bob):
    flight = await operator.flight(seats=3)
    hers = (await alice.book(flight, seats=3)).made()
    (await bob.book(flight, seats=1)).refused(409, "not-enough-seats", asked=1, free=0)
    await expired(hers)
    his = (await bob.book(flight, seats=3)).made()
    (await alice.pay(hers)).refused(409, "hold-expired")
    (await alice.pay(hers, rupees(1))).refused(409, "hold-expired")
    (await bob.pay(his)).made()
    assert await bob.seats(flight) == (0, 3, 0)
    (await alice.pay(hers)).refused(409, "hold-expired")


@pytest.mark.parametrize("price", [None, rupees(1)], ids=["right price", "wrong price"])
async def test_an_expired_hold_cannot_be_paid_even_if_nobody_wants_the_seats(operator, alice, price):
    flight = await operator.flight()
    booking = (await alice.book(flight)).made()
    await expired(booking)
    (await alice.pay(booking, price)).refused(409, "hold-expired")
    assert await alice.seats(flight) == (0, 0, 10)


async def test_seats_of_an_expired_hold_are_not_given_back_twice(operator, alice, bob):
    flight = await operator.flight(seats=4)
    hers = (await alice.book(flight, seats=3)).made()
    await expired(hers)
    his = (await bob.book(flight, seats=2)).made()
    assert (await alice.cancel(hers)).status in (200, 409)
    assert await bob.seats(flight) == (2, 0, 2)
    (await bob.cancel(his)).done()
    assert await bob.seats(flight) == (0, 0, 4)


async def test_a_paid_booking_does_not_expire(operator, alice, bob):
    flight = await operator.flight(seats=2)
    booking = (await alice.book(flight, seats=2)).made()
    paid = (await alice.pay(booking)).made()["booking"]
    await expired(booking)
    (await bob.book(flight)).refused(409, "not-enough-seats", asked=1, free=0)
    assert (await alice.booking(booking)).done() == paid
    assert await alice.seats(flight) == (0, 2, 0)


async def test_expired_seats_are_free_for_searches_and_smaller_aeroplanes(operator, alice):
    route = a_route()
    flight = await operator.flight(seats=6, **route)
    search = "/flights" + query(min_seats=6, **route)
    booking = (await alice.book(flight, seats=5)).made()
    path = f"/flights/{flight['id']}/seats"
    (await operator.post(path, {"seats": 4})).refused(409, "seats-in-use")
    assert (await alice.get(search)).done()["data"] == []
    await expired(booking)
    assert [row["id"] for row in (await alice.get(search)).done()["data"]] == [flight["id"]]
    (await operator.post(path, {"seats": 4})).done()
    assert await alice.seats(flight) == (0, 0, 4)


async def test_a_rush_for_expired_seats_sells_each_once(operator, alice, crowd):
    flight = await operator.flight(seats=9)
    await expired((await alice.book(flight, seats=9)).made())
    answers = await asyncio.gather(*[buyer.book(flight) for buyer in crowd(32)])
    assert sorted(answer.status for answer in answers) == [201] * 9 + [409] * 23
    assert await alice.seats(flight) == (9, 0, 0)


async def test_paying_at_the_last_moment_wins_or_loses_but_never_both(operator, crowd):
    flight = await operator.flight(seats=8)
    buyers = crowd(8)
    bookings = [(await buyer.book(flight)).made() for buyer in buyers]

    async def pay_around_the_end(buyer, booking, offset):
        wait = (at(booking["expires_at"]) - datetime.now(UTC)).total_seconds() + offset
        await asyncio.sleep(max(wait, 0))
        return await buyer.pay(booking)

    races = zip(buyers, bookings, range(-4, 4), strict=True)
    answers = await asyncio.gather(*[pay_around_the_end(b, held, n * 0.005) for b, held, n in races])
    paid = sum(answer.status == 201 for answer in answers)
    assert all(answer.status == 201 or answer.refused(409, "hold-expired") for answer in answers)
    await expired(bookings[-1])
    assert await buyers[0].seats(flight) == (0, paid, 8 - paid)


async def test_a_payment_waits_a_quarter_of_an_hour_to_be_captured(operator, alice, bob):
    flight = await operator.flight(seats=1)
    pending = await alice.pending(flight)
    waits = at(pending["payment"]["capture_before"]) - at(pending["updated_at"])
    assert waits.total_seconds() == 900
    await expired(pending)
    assert await alice.seats(flight) == (1, 0, 0)
    (await bob.book(flight)).refused(409, "not-enough-seats", asked=1, free=0)
    (await operator.capture(pending)).done()
    assert await alice.seats(flight) == (0, 1, 0)


async def test_an_expired_hold_has_no_seats_to_give_back(operator, alice):
    flight = await operator.flight()
    booking = (await alice.book(flight, seats=3)).made()
    await expired(booking)
    (await alice.keep(booking, 1)).refused(409, "hold-expired")
    assert await alice.seats(flight) == (0, 0, 10)


async def test_a_due_hold_has_expired_when_its_flight_is_cancelled(operator, alice):
    flight = await operator.flight()
    due = (await alice.book(flight)).made()
    await expired(due)
    live = (await alice.book(flight)).made()
    (await operator.cancel_flight(flight)).done()
    reasons = [(await alice.history(booking))[-1]["data"]["reason"] for booking in (due, live)]
    assert reasons == ["hold_expired", "flight_cancelled"]
    (await alice.pay(due)).refused(409, "hold-expired")
    (await alice.pay(live)).refused(409, "booking-cancelled")
    assert await alice.seats(flight) == (0, 0, 10)
