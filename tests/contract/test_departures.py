"""Departures: what they end, what an operator may still do, and what becomes of the bookings."""

import itertools
from datetime import timedelta

import pytest

from tests.contract.samples import at, new_key

_numbers = itertools.count(1)


@pytest.fixture
def program(clock_program):
    return clock_program


@pytest.fixture
def leaving(operator, clock):
    """`leaving(seconds)`: schedule a flight that departs so many seconds from now."""

    async def schedule(seconds, **changes):
        departs = clock.now() + timedelta(seconds=seconds)
        times = {
            "departs_at": departs.isoformat(),
            "arrives_at": (departs + timedelta(hours=2)).isoformat(),
        }
        return await operator.create_flight(number=f"DP{next(_numbers)}", **times, **changes)

    return schedule


async def depart(operator, flight, **options):
    return await operator.post(f"/flights/{flight['id']}/departed", {}, **options)


async def test_a_hold_ends_with_the_departure_and_cannot_be_paid_after_it(alice, leaving, clock):
    flight = await leaving(30)
    booking = (await alice.book(flight)).created()
    assert booking["expires_at"] == flight["departs_at"]
    clock.set_to(flight["departs_at"])
    (await alice.pay(booking)).refusal(409, "flight-departed", flight_id=flight["id"])
    (await alice.book(flight)).refusal(409, "flight-not-bookable")
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_a_payment_in_the_last_moment_books(alice, leaving, clock):
    flight = await leaving(30)
    booking = (await alice.book(flight)).created()
    clock.set_before(flight["departs_at"])
    (await alice.pay(booking)).created()


async def test_money_that_comes_after_the_departure_is_a_refund_due(alice, operator, leaving, clock):
    flight = await leaving(30)
    pending = await alice.book_pending(flight)
    assert pending["payment"]["capture_before"] == flight["departs_at"]
    clock.set_to(flight["departs_at"])
    assert (await operator.capture(pending)).ok()["status"] == "cancelled"
    [refund] = await operator.list_refunds(booking_id=pending["id"])
    assert (refund["reason"], refund["amount"]) == ("late_payment", pending["total_cost"])


async def test_a_recorded_departure_comes_before_the_scheduled_one(alice, bob, operator):
    flight = await operator.create_flight(seats=3)
    paid, held = await alice.book_and_pay(flight), (await alice.book(flight, 2)).created()
    party = (await bob.join_waiting_list(flight)).created()
    departed = (await depart(operator, flight, key=new_key())).ok()
    assert departed["status"] == "departed"
    assert at(departed["departed_at"]) < at(departed["departs_at"])
    assert (await operator.get(f"/flights/{flight['id']}")).ok() == departed
    assert await alice.count_seats(flight) == (0, 1, 2)
    (await alice.pay(held)).refusal(409, "flight-departed")
    (await alice.book(flight)).refusal(409, "flight-not-bookable")
    assert (await bob.find_party(party))["status"] == "closed"
    (await depart(operator, flight)).refusal(409, "flight-departed")
    for path, body in (("seats", {"seats": 9}), ("cancel", {"reason": "fog"})):
        (await operator.post(f"/flights/{flight['id']}/{path}", body)).refusal(409, "flight-departed")
    assert (await alice.find_booking(paid)).ok()["status"] == "booked"


async def test_a_dry_run_of_a_departure_writes_nothing(alice, operator):
    flight = await operator.create_flight()
    held = (await alice.book(flight)).created()
    dry = await operator.post(f"/flights/{flight['id']}/departed?dry_run=true", {})
    assert dry.ok()["status"] == "departed"
    (await alice.pay(held)).created()


async def test_after_the_departure_only_an_operator_cancels_with_a_stated_refund(alice, operator):
    flight = await operator.create_flight()
    booking = await alice.book_and_pay(flight, 2)
    (await depart(operator, flight)).ok()
    (await alice.cancel(booking)).refusal(409, "flight-departed")
    (await alice.reduce_seats(booking, 1)).refusal(409, "flight-departed")
    (await alice.quote(booking)).refusal(409, "flight-departed")
    (await operator.cancel(booking)).refusal(409, "refund-not-stated")
    path = f"/bookings/{booking['id']}/cancel"
    too_much = {"reason": "missed", "refund": {"amount": booking["total_cost"]["amount"] + 1}}
    (await operator.post(path, too_much)).refusal(409, "refund-too-large")
    (await operator.post(path, {"refund": "none"})).refusal(400)
    (await operator.post(path, {"reason": "missed", "refund": "half"})).refusal(400)
    part = {"reason": "missed", "refund": {"amount": 1234}}
    (await alice.post(path, part)).refusal(403)
    cancelled = (await operator.post(path, part)).ok()
    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "refund_due")
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    assert refund["amount"] == {"amount": 1234, "currency": "INR"}
    event = next(e for e in await operator.read_history(booking) if e["type"] == "booking.cancelled")
    assert (event["data"]["note"], event["data"]["refund"]["amount"]) == ("missed", 1234)


@pytest.mark.parametrize(("refund", "payment", "due"), [("full", "refund_due", 1), ("none", "captured", 0)])
async def test_a_refund_is_full_or_none(alice, operator, refund, payment, due):
    flight = await operator.create_flight()
    booking = await alice.book_and_pay(flight)
    (await depart(operator, flight)).ok()
    body = {"reason": "missed", "refund": refund}
    cancelled = (await operator.post(f"/bookings/{booking['id']}/cancel", body)).ok()
    assert cancelled["payment"]["status"] == payment
    assert len(await operator.list_refunds(booking_id=booking["id"])) == due


async def test_a_late_flight_can_be_cancelled_for_a_day(alice, operator, leaving, clock):
    flight, other = await leaving(30), await leaving(31)
    booking = await alice.book_and_pay(flight)
    day_later = at(flight["departs_at"]) + timedelta(hours=24)
    clock.set_before(day_later.isoformat().replace("+00:00", "Z"))
    (await operator.post(f"/flights/{other['id']}/seats", {"seats": 20})).ok()
    (await operator.cancel_flight(flight)).ok()
    assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"
    clock.set_to((day_later + timedelta(seconds=1)).isoformat().replace("+00:00", "Z"))
    (await operator.cancel_flight(other)).refusal(409, "flight-departed")
    (await depart(operator, other)).ok()


async def test_customers_are_recorded_as_flown_or_as_a_no_show(alice, operator, auditor):
    flight = await operator.create_flight()
    booking, held = await alice.book_and_pay(flight), (await alice.book(flight)).created()
    flown, no_show = (f"/bookings/{booking['id']}/{name}" for name in ("flown", "no-show"))
    (await operator.post(flown, {})).refusal(409, "flight-not-departed")
    (await depart(operator, flight)).ok()
    (await alice.post(flown, {})).refusal(403)
    assert (await operator.post(no_show, {}, key=new_key())).ok()["travel"] == "no_show"
    (await operator.post(no_show, {})).refusal(409, "travel-already-recorded")
    row = (await operator.post(flown, {})).ok()
    assert (row["travel"], row["status"]) == ("flown", "booked")
    assert (await auditor.find_booking(booking)).ok() == row
    (await operator.post(f"/bookings/{held['id']}/flown", {})).refusal(409, "booking-cancelled")
    assert await alice.count_seats(flight) == (0, 1, 9)


async def test_a_flight_in_the_past_is_scheduled_only_as_a_backfill(operator, alice):
    past = {"departs_at": "2020-05-17T21:45:00Z", "arrives_at": "2020-05-18T04:40:00Z"}
    (await operator.schedule(**past)).refusal(409, "departure-in-past")
    flight = (await operator.schedule(**past, backfill=True)).created()
    assert flight["status"] == "departed"
    (await alice.book(flight)).refusal(409, "flight-not-bookable")
    future = (await operator.schedule(backfill=True)).created()
    assert future["status"] == "scheduled"
