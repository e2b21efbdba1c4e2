"""Pending payments and the clock, with no sweeper: late money is never lost, and no seat is sold twice."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.contract.samples import at, passed

CHANGED_HANDS = ["booking.initiated", "booking.payment_pending", "booking.cancelled"]


@pytest.fixture
def program(hasty_program):
    return hasty_program


def types(history):
    return [event["type"] for event in history]


async def lapsed(booking):
    await passed(booking["payment"]["capture_before"])


async def due(operator, booking):
    """The refund that a booking is owed, which must be its only one."""
    [refund] = await operator.refunds(booking_id=booking["id"])
    assert (refund["reason"], refund["status"]) == ("late_payment", "due")
    assert refund["amount"] == booking["total_cost"]
    assert refund["payment_id"] == booking["payment"]["payment_id"]
    return refund


async def test_a_pending_payment_holds_its_seats_past_the_hold_and_until_it_lapses(operator, alice, bob):
    flight = await operator.flight(seats=3)
    pending = await alice.pending(flight, seats=3)
    hold_ends, lapses = at(pending["expires_at"]), at(pending["payment"]["capture_before"])
    assert 0.5 < (lapses - hold_ends).total_seconds() < 2
    held_after_the_hold = 0
    while True:
        asked = datetime.now(UTC)
        seats = await alice.seats(flight)
        if datetime.now(UTC) < lapses:
            assert seats == (3, 0, 0)
            held_after_the_hold += asked > hold_ends
        if asked > lapses:
            assert seats == (0, 0, 3)
            break
        await asyncio.sleep(0.05)
    assert held_after_the_hold > 3
    (await bob.book(flight, seats=3)).made()


async def test_a_capture_after_the_hold_but_in_time_books(operator, alice, bob):
    flight = await operator.flight(seats=1)
    pending = await alice.pending(flight)
    await passed(pending["expires_at"])
    (await bob.book(flight)).refused(409, "not-enough-seats", asked=1, free=0)
    assert (await operator.capture(pending)).done()["status"] == "booked"
    await lapsed(pending)
    assert await alice.seats(flight) == (0, 1, 0)
    assert types(await alice.history(pending)) == [*CHANGED_HANDS[:2], "booking.booked"]


async def test_a_void_after_the_hold_cancels(operator, alice):
    flight = await operator.flight()
    pending = await alice.pending(flight)
    await passed(pending["expires_at"])
    cancelled = (await operator.void(pending)).done()
    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "voided")
    assert await alice.seats(flight) == (0, 0, 10)
    (await alice.pay(pending)).refused(409, "hold-expired")
    (await operator.capture(pending)).refused(409, "booking-cancelled")
    assert await operator.refunds(booking_id=pending["id"]) == []


async def test_a_void_after_the_payment_lapsed_cancels_and_owes_nothing(operator, alice):
    flight = await operator.flight()
    pending = await alice.pending(flight)
    await lapsed(pending)
    cancelled = (await operator.void(pending)).done()
    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "voided")
    assert await operator.refunds(booking_id=pending["id"]) == []


async def test_a_lapsed_payment_leaves_no_booking_to_pay_for_or_to_shrink(operator, alice):
    pending = await alice.pending(await operator.flight(), seats=2)
    await lapsed(pending)
    (await alice.pay(pending)).refused(409, "hold-expired")
    (await alice.keep(pending, 1)).refused(409, "hold-expired")


async def test_late_money_books_again_if_the_seats_are_free(operator, alice):
    flight = await operator.flight(seats=2)
    pending = await alice.pending(flight, seats=2)
    await lapsed(pending)
    booked = (await operator.capture(pending)).done()
    assert booked["status"] == "booked"
    assert booked["payment"] == pending["payment"] | {"status": "captured", "capture_before": None}
    assert (await alice.booking(pending)).done() == booked
    assert await alice.seats(flight) == (0, 2, 0)
    history = await alice.history(pending)
    assert types(history) == [*CHANGED_HANDS, "booking.reseated", "booking.booked"]
    assert [event["status_after"] for event in history][2:] == ["cancelled", "pending", "booked"]
    assert await operator.refunds(booking_id=pending["id"]) == []
    (await operator.capture(pending)).refused(409, "already-paid")


async def test_late_money_for_seats_that_were_sold_goes_back(operator, alice, bob):
    flight = await operator.flight(seats=3)
    pending = await alice.pending(flight, seats=2)
    await lapsed(pending)
    his = (await bob.book(flight, seats=2)).made()
    (await bob.pay(his)).made()
    assert (await alice.booking(pending)).done()["payment"]["status"] == "lapsed"
    captured = (await operator.capture(pending)).done()
    assert (captured["status"], captured["payment"]["status"]) == ("cancelled", "refund_due")
    assert types(await alice.history(pending)) == [*CHANGED_HANDS, "booking.refund_due"]
    assert await bob.seats(flight) == (0, 2, 1)
    refund = await due(operator, pending)
    (await operator.capture(pending)).refused(409, "booking-cancelled")
    (await operator.settle(refund)).done()
    assert (await alice.booking(pending)).done()["payment"]["status"] == "refunded"


async def test_late_money_books_seats_that_were_sold_and_given_back(operator, alice, bob):
    flight = await operator.flight(seats=2)
    pending = await alice.pending(flight, seats=2)
    await lapsed(pending)
    (await bob.cancel((await bob.book(flight, seats=2)).made())).done()
    assert (await operator.capture(pending)).done()["status"] == "booked"
    assert types(await alice.history(pending)) == [*CHANGED_HANDS, "booking.reseated", "booking.booked"]
    assert await alice.seats(flight) == (0, 2, 0)


async def test_late_money_books_seats_whose_next_hold_ran_out_too(operator, alice, bob):
    flight = await operator.flight(seats=2)
    pending = await alice.pending(flight, seats=2)
    await lapsed(pending)
    his = (await bob.book(flight, seats=2)).made()
    await passed(his["expires_at"])
    assert await alice.seats(flight) == (0, 0, 2)
    assert (await operator.capture(pending)).done()["status"] == "booked"
    assert await alice.seats(flight) == (0, 2, 0)
    (await bob.pay(his)).refused(409, "hold-expired")


async def test_late_money_for_a_cancelled_flight_goes_back(operator, alice):
    flight = await operator.flight()
    pending = await alice.pending(flight)
    (await operator.cancel_flight(flight)).done()
    assert (await operator.capture(pending)).done()["status"] == "cancelled"
    await due(operator, pending)
    assert await alice.seats(flight) == (0, 0, 10)


async def test_late_money_for_a_smaller_aeroplane_goes_back(operator, alice):
    flight = await operator.flight(seats=4)
    pending = await alice.pending(flight, seats=3)
    await lapsed(pending)
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 2})).done()
    assert (await operator.capture(pending)).done()["status"] == "cancelled"
    await due(operator, pending)
    assert await alice.seats(flight) == (0, 0, 2)


async def test_a_rush_of_late_money_and_new_buyers_never_oversells(operator, crowd):
    flight = await operator.flight(seats=6)
    owners = crowd(6)
    payments = [await owner.pending(flight) for owner in owners]
    await lapsed(payments[-1])
    rush = [buyer.book(flight) for buyer in crowd(12)] + [operator.capture(payment) for payment in payments]
    answers = await asyncio.gather(*rush)
    bought = [answer for answer in answers[:12] if answer.status == 201]
    for answer in answers[:12]:
        assert answer in bought or answer.refused(409, "not-enough-seats")
    captured = [answer.done() for answer in answers[12:]]
    booked = [booking for booking in captured if booking["status"] == "booked"]
    for booking in captured:
        if booking["status"] == "cancelled":
            await due(operator, booking)
    assert len(bought) + len(booked) == 6
    assert (await operator.seats(flight))[1] == len(booked)


async def test_late_money_and_a_new_buyer_at_once_both_find_the_free_seats(operator, alice, bob, crowd):
    flights = [await operator.flight(seats=2) for _ in range(20)]
    payments = [await alice.pending(flight) for flight in flights]
    await passed(payments[-1]["expires_at"])
    holds = [(await bob.book(flight)).made() for flight in flights]
    await lapsed(payments[-1])
    await passed(holds[-1]["expires_at"])
    [carol] = crowd(1)
    pairs = zip(flights, payments, strict=True)
    rush = [deed for flight, paid in pairs for deed in (carol.book(flight), operator.capture(paid))]
    answers = await asyncio.gather(*rush)
    assert {answer.status for answer in answers} == {200, 201}
    assert [answer.body["status"] for answer in answers[1::2]] == ["booked"] * 20


async def test_the_log_of_all_this_verifies(program, operator, alice):
    pending = await alice.pending(await operator.flight())
    await lapsed(pending)
    (await operator.settle(await _late_refund(operator, alice))).done()
    verified = program.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def _late_refund(operator, alice):
    pending = await alice.pending(await operator.flight())
    (await alice.cancel(pending)).done()
    (await operator.capture(pending)).done()
    return await due(operator, pending)
