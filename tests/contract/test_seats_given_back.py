"""Seats given back in parts: the refunds are exact to the minor unit."""

import asyncio

import pytest

from tests.contract.samples import new_key, rupees


def amounts(refunds):
    return [refund["amount"]["amount"] for refund in refunds]


async def test_a_booked_seat_given_back_makes_its_share_due(operator, alice):
    flight = await operator.create_flight(price=rupees(33333))
    booked = await alice.book_and_pay(flight, seats=5)
    smaller = (await alice.reduce_seats(booked, 3)).ok()
    changed = {"seats": 3, "total_cost": rupees(99999), "updated_at": smaller["updated_at"]}
    assert smaller == booked | changed | {"version": smaller["version"]}
    assert smaller["version"] > booked["version"]
    assert smaller["payment"]["status"] == "captured"
    assert (await alice.find_booking(booked)).ok() == smaller
    assert await alice.count_seats(flight) == (0, 3, 7)
    [refund] = await operator.list_refunds(booking_id=booked["id"])
    assert (refund["amount"], refund["reason"], refund["status"]) == (rupees(66666), "seats_reduced", "due")
    assert refund["payment_id"] == booked["payment"]["payment_id"]


@pytest.mark.parametrize("price", [1, 33333, 450001])
async def test_refunds_in_parts_add_up_to_the_payment(operator, alice, price):
    flight = await operator.create_flight(price=rupees(price))
    booking = await alice.book_and_pay(flight, seats=9)
    for seats in (8, 5, 1):
        booking = (await alice.reduce_seats(booking, seats)).ok()
        assert booking["total_cost"] == rupees(price * seats)
        assert await alice.count_seats(flight) == (0, seats, 10 - seats)
    (await alice.cancel(booking)).ok()
    refunds = await operator.list_refunds(booking_id=booking["id"])
    assert amounts(refunds) == [price, 3 * price, 4 * price, price]
    assert [refund["reason"] for refund in refunds] == ["seats_reduced"] * 3 + ["booking_cancelled"]
    assert len({refund["id"] for refund in refunds}) == 4
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_a_booking_is_refunded_when_all_its_refunds_are_settled(operator, alice):
    booking = await alice.book_and_pay(await operator.create_flight(), seats=2)
    (await alice.reduce_seats(booking, 1)).ok()
    (await alice.cancel(booking)).ok()
    first, second = await operator.list_refunds(booking_id=booking["id"])
    (await operator.settle(first)).ok()
    assert (await alice.find_booking(booking)).ok()["payment"]["status"] == "refund_due"
    (await operator.settle(second)).ok()
    assert (await alice.find_booking(booking)).ok()["payment"]["status"] == "refunded"


async def test_a_settled_share_leaves_the_other_seats_paid(operator, alice):
    flight = await operator.create_flight()
    booking = await alice.book_and_pay(flight, seats=2)
    (await alice.reduce_seats(booking, 1)).ok()
    [share] = await operator.list_refunds(booking_id=booking["id"])
    (await operator.settle(share)).ok()
    found = (await alice.find_booking(booking)).ok()
    assert (found["status"], found["payment"]["status"]) == ("booked", "captured")
    (await alice.cancel(booking)).ok()
    assert (await alice.find_booking(booking)).ok()["payment"]["status"] == "refund_due"
    assert amounts(await operator.list_refunds(booking_id=booking["id"], status="due")) == [450000]


async def test_a_held_booking_with_fewer_seats_costs_less(operator, alice):
    flight = await operator.create_flight(price=rupees(999))
    held = (await alice.book(flight, seats=3)).created()
    smaller = (await alice.reduce_seats(held, 1)).ok()
    assert (smaller["status"], smaller["seats"], smaller["total_cost"]) == ("initiated", 1, rupees(999))
    assert smaller["expires_at"] == held["expires_at"]
    assert await alice.count_seats(flight) == (1, 0, 9)
    (await alice.pay(held)).refusal(409, "price-mismatch", expected=rupees(999))
    (await alice.pay(smaller)).created()
    assert await operator.list_refunds(booking_id=held["id"]) == []


async def test_the_share_is_of_the_price_at_booking(operator, alice):
    flight = await operator.create_flight(price=rupees(1000))
    booking = await alice.book_and_pay(flight, seats=3)
    (await operator.post(f"/flights/{flight['id']}/price", {"price": rupees(5)})).ok()
    assert (await alice.reduce_seats(booking, 1)).ok()["total_cost"] == rupees(1000)
    assert amounts(await operator.list_refunds(booking_id=booking["id"])) == [2000]


async def test_seats_given_back_are_free_at_once(operator, alice, bob):
    flight = await operator.create_flight(seats=3)
    booked = await alice.book_and_pay(flight, seats=3)
    (await bob.book(flight, seats=2)).refusal(409, "not-enough-seats", asked=2, free=0)
    (await alice.reduce_seats(booked, 1)).ok()
    (await bob.book(flight, seats=2)).created()
    assert await alice.count_seats(flight) == (2, 1, 0)


@pytest.mark.parametrize("asked", [2, 3, 9])
@pytest.mark.parametrize("state", ["held", "booked"])
async def test_the_new_number_of_seats_must_be_lower(api, operator, alice, state, asked):
    flight = await operator.create_flight()
    booking = (
        await alice.book_and_pay(flight, 2) if state == "booked" else (await alice.book(flight, 2)).created()
    )
    before = await api.position()
    (await alice.reduce_seats(booking, asked)).refusal(409, "seats-not-fewer", asked=asked, seats=2)
    assert await api.position() == before
    assert (await alice.find_booking(booking)).ok() == booking


@pytest.mark.parametrize("asked", [0, -1, 10, "1", True, 1.0, None])
async def test_an_invalid_number_of_seats_is_a_400(operator, alice, asked):
    booking = (await alice.book(await operator.create_flight(), seats=3)).created()
    (await alice.reduce_seats(booking, asked)).refusal(400)
    assert (await alice.find_booking(booking)).ok() == booking


async def test_a_booking_keeps_its_seats_while_its_payment_is_pending(operator, alice):
    pending = await alice.book_pending(await operator.create_flight(), seats=2)
    (await alice.reduce_seats(pending, 1)).refusal(409, "payment-in-progress")
    (await alice.reduce_seats(pending, 2)).refusal(409, "payment-in-progress")
    assert (await alice.find_booking(pending)).ok() == pending


async def test_a_cancelled_booking_cannot_give_seats_back(operator, alice):
    booking = await alice.book_and_pay(await operator.create_flight(), seats=2)
    (await alice.cancel(booking)).ok()
    (await alice.reduce_seats(booking, 1)).refusal(409, "booking-cancelled")
    assert len(await operator.list_refunds(booking_id=booking["id"])) == 1


async def test_a_stale_version_gives_nothing_back(operator, alice):
    booking = await alice.book_and_pay(await operator.create_flight(), seats=2)
    (await alice.reduce_seats(booking, 1, headers={"If-Match": '"v1"'})).refusal(412)
    assert (await alice.find_booking(booking)).ok() == booking
    (await alice.reduce_seats(booking, 1, headers={"If-Match": f'"v{booking["version"]}"'})).ok()


async def test_a_repeat_with_the_same_key_gives_back_once(api, operator, alice):
    booking, key = await alice.book_and_pay(await operator.create_flight(), seats=3), new_key()
    first = await alice.reduce_seats(booking, 2, key=key)
    before = await api.position()
    second = await alice.reduce_seats(booking, 2, key=key)
    assert (second.ok(), second.replayed, first.replayed) == (first.ok(), True, False)
    assert await api.position() == before
    assert len(await operator.list_refunds(booking_id=booking["id"])) == 1


async def test_simultaneous_reductions_make_exactly_their_shares_due(operator, alice):
    flight = await operator.create_flight(price=rupees(777))
    booking = await alice.book_and_pay(flight, seats=9)
    wishes = [1 + n % 8 for n in range(24)]
    answers = await asyncio.gather(*[alice.reduce_seats(booking, seats) for seats in wishes])
    given = [answer for answer in answers if answer.status == 200]
    for answer in answers:
        assert answer in given or answer.refusal(409, "seats-not-fewer")
    kept = [answer.body["seats"] for answer in sorted(given, key=lambda answer: answer.body["version"])]
    assert kept == sorted(set(kept), reverse=True)
    assert kept[-1] == 1
    assert sum(amounts(await operator.list_refunds(booking_id=booking["id"]))) == 8 * 777
    assert await alice.count_seats(flight) == (0, 1, 9)
