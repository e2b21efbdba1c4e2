"""Seats given back one by one: their share of the price goes back too, exact to the minor unit."""

import asyncio

import pytest

from tests.contract.samples import new_key, rupees


def amounts(refunds):
    return [refund["amount"]["amount"] for refund in refunds]


async def test_a_booked_seat_that_is_given_back_is_owed_its_share(operator, alice):
    flight = await operator.flight(price=rupees(33333))
    booked = await alice.booked(flight, seats=5)
    smaller = (await alice.keep(booked, 3)).done()
    changed = {"seats": 3, "total_cost": rupees(99999), "updated_at": smaller["updated_at"]}
    assert smaller == booked | changed | {"version": smaller["version"]}
    assert smaller["version"] > booked["version"]
    assert smaller["payment"]["status"] == "captured"
    assert (await alice.booking(booked)).done() == smaller
    assert await alice.seats(flight) == (0, 3, 7)
    [refund] = await operator.refunds(booking_id=booked["id"])
    assert (refund["amount"], refund["reason"], refund["status"]) == (rupees(66666), "seats_reduced", "due")
    assert refund["payment_id"] == booked["payment"]["payment_id"]


@pytest.mark.parametrize("price", [1, 33333, 450001])
async def test_what_goes_back_in_parts_is_what_was_paid(operator, alice, price):
    flight = await operator.flight(price=rupees(price))
    booking = await alice.booked(flight, seats=9)
    for seats in (8, 5, 1):
        booking = (await alice.keep(booking, seats)).done()
        assert booking["total_cost"] == rupees(price * seats)
        assert await alice.seats(flight) == (0, seats, 10 - seats)
    (await alice.cancel(booking)).done()
    refunds = await operator.refunds(booking_id=booking["id"])
    assert amounts(refunds) == [price, 3 * price, 4 * price, price]
    assert [refund["reason"] for refund in refunds] == ["seats_reduced"] * 3 + ["booking_cancelled"]
    assert len({refund["id"] for refund in refunds}) == 4
    assert await alice.seats(flight) == (0, 0, 10)


async def test_a_booking_is_refunded_when_every_part_is(operator, alice):
    booking = await alice.booked(await operator.flight(), seats=2)
    (await alice.keep(booking, 1)).done()
    (await alice.cancel(booking)).done()
    first, second = await operator.refunds(booking_id=booking["id"])
    (await operator.settle(first)).done()
    assert (await alice.booking(booking)).done()["payment"]["status"] == "refund_due"
    (await operator.settle(second)).done()
    assert (await alice.booking(booking)).done()["payment"]["status"] == "refunded"


async def test_a_settled_share_leaves_the_rest_of_the_booking_paid(operator, alice):
    flight = await operator.flight()
    booking = await alice.booked(flight, seats=2)
    (await alice.keep(booking, 1)).done()
    [share] = await operator.refunds(booking_id=booking["id"])
    (await operator.settle(share)).done()
    found = (await alice.booking(booking)).done()
    assert (found["status"], found["payment"]["status"]) == ("booked", "captured")
    (await alice.cancel(booking)).done()
    assert (await alice.booking(booking)).done()["payment"]["status"] == "refund_due"
    assert amounts(await operator.refunds(booking_id=booking["id"], status="due")) == [450000]


async def test_a_held_booking_of_fewer_seats_just_costs_less(operator, alice):
    flight = await operator.flight(price=rupees(999))
    held = (await alice.book(flight, seats=3)).made()
    smaller = (await alice.keep(held, 1)).done()
    assert (smaller["status"], smaller["seats"], smaller["total_cost"]) == ("initiated", 1, rupees(999))
    assert smaller["expires_at"] == held["expires_at"]
    assert await alice.seats(flight) == (1, 0, 9)
    (await alice.pay(held)).refused(409, "price-mismatch", expected=rupees(999))
    (await alice.pay(smaller)).made()
    assert await operator.refunds(booking_id=held["id"]) == []


async def test_the_price_of_the_booking_counts_and_not_the_price_of_today(operator, alice):
    flight = await operator.flight(price=rupees(1000))
    booking = await alice.booked(flight, seats=3)
    (await operator.post(f"/flights/{flight['id']}/price", {"price": rupees(5)})).done()
    assert (await alice.keep(booking, 1)).done()["total_cost"] == rupees(1000)
    assert amounts(await operator.refunds(booking_id=booking["id"])) == [2000]


async def test_seats_given_back_can_be_sold_at_once(operator, alice, bob):
    flight = await operator.flight(seats=3)
    booked = await alice.booked(flight, seats=3)
    (await bob.book(flight, seats=2)).refused(409, "not-enough-seats", asked=2, free=0)
    (await alice.keep(booked, 1)).done()
    (await bob.book(flight, seats=2)).made()
    assert await alice.seats(flight) == (2, 1, 0)


@pytest.mark.parametrize("asked", [2, 3, 9])
@pytest.mark.parametrize("state", ["held", "booked"])
async def test_as_many_or_more_are_not_fewer(api, operator, alice, state, asked):
    flight = await operator.flight()
    booking = await alice.booked(flight, 2) if state == "booked" else (await alice.book(flight, 2)).made()
    before = await api.position()
    (await alice.keep(booking, asked)).refused(409, "seats-not-fewer", asked=asked, seats=2)
    assert await api.position() == before
    assert (await alice.booking(booking)).done() == booking


@pytest.mark.parametrize("asked", [0, -1, 10, "1", True, 1.0, None])
async def test_a_number_of_seats_that_makes_no_sense_is_a_400(operator, alice, asked):
    booking = (await alice.book(await operator.flight(), seats=3)).made()
    (await alice.keep(booking, asked)).refused(400)
    assert (await alice.booking(booking)).done() == booking


async def test_a_booking_keeps_its_seats_while_its_payment_is_pending(operator, alice):
    pending = await alice.pending(await operator.flight(), seats=2)
    (await alice.keep(pending, 1)).refused(409, "payment-in-progress")
    (await alice.keep(pending, 2)).refused(409, "payment-in-progress")
    assert (await alice.booking(pending)).done() == pending


async def test_a_cancelled_booking_has_no_seats_to_give_back(operator, alice):
    booking = await alice.booked(await operator.flight(), seats=2)
    (await alice.cancel(booking)).done()
    (await alice.keep(booking, 1)).refused(409, "booking-cancelled")
    assert len(await operator.refunds(booking_id=booking["id"])) == 1


async def test_a_stale_version_gives_nothing_back(operator, alice):
    booking = await alice.booked(await operator.flight(), seats=2)
    (await alice.keep(booking, 1, headers={"If-Match": '"v1"'})).refused(412)
    assert (await alice.booking(booking)).done() == booking
    (await alice.keep(booking, 1, headers={"If-Match": f'"v{booking["version"]}"'})).done()


async def test_a_repeat_with_the_same_key_gives_back_once(api, operator, alice):
    booking, key = await alice.booked(await operator.flight(), seats=3), new_key()
    first = await alice.keep(booking, 2, key=key)
    before = await api.position()
    second = await alice.keep(booking, 2, key=key)
    assert (second.done(), second.replayed, first.replayed) == (first.done(), True, False)
    assert await api.position() == before
    assert len(await operator.refunds(booking_id=booking["id"])) == 1


async def test_many_who_give_back_at_once_are_owed_exactly_what_is_no_longer_kept(operator, alice):
    flight = await operator.flight(price=rupees(777))
    booking = await alice.booked(flight, seats=9)
    wishes = [1 + n % 8 for n in range(24)]
    answers = await asyncio.gather(*[alice.keep(booking, seats) for seats in wishes])
    given = [answer for answer in answers if answer.status == 200]
    for answer in answers:
        assert answer in given or answer.refused(409, "seats-not-fewer")
    kept = [answer.body["seats"] for answer in sorted(given, key=lambda answer: answer.body["version"])]
    assert kept == sorted(set(kept), reverse=True)
    assert kept[-1] == 1
    assert sum(amounts(await operator.refunds(booking_id=booking["id"]))) == 8 * 777
    assert await alice.seats(flight) == (0, 1, 9)
