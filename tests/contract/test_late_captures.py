"""Captures after the hold or the payment ended: no money is lost, and no seat is sold twice."""

import asyncio

import pytest

LAPSED_EVENTS = ["booking.initiated", "booking.payment_pending", "booking.cancelled"]


@pytest.fixture
def program(clock_program):
    return clock_program


def types(history):
    return [event["type"] for event in history]


@pytest.fixture
def lapse(clock):
    """`lapse(booking)`: set the clock to the end of the time for its capture."""
    return lambda booking: clock.set_to(booking["payment"]["capture_before"])


@pytest.fixture
def expire(clock):
    """`expire(booking)`: set the clock to the end of the hold."""
    return lambda booking: clock.set_to(booking["expires_at"])


async def find_due_refund(operator, booking):
    """Return the only refund of the booking, which is due for a late payment."""
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    assert (refund["reason"], refund["status"]) == ("late_payment", "due")
    assert refund["amount"] == booking["total_cost"]
    assert refund["payment_id"] == booking["payment"]["payment_id"]
    return refund


async def test_a_pending_payment_keeps_its_seats_after_the_hold_until_it_lapses(operator, alice, bob, clock):
    flight = await operator.create_flight(seats=3)
    pending = await alice.book_pending(flight, seats=3)
    clock.set_to(pending["expires_at"])
    assert await alice.count_seats(flight) == (3, 0, 0)
    clock.set_before(pending["payment"]["capture_before"])
    assert await alice.count_seats(flight) == (3, 0, 0)
    clock.set_to(pending["payment"]["capture_before"])
    assert await alice.count_seats(flight) == (0, 0, 3)
    (await bob.book(flight, seats=3)).created()


async def test_a_capture_after_the_hold_but_before_its_deadline_books(operator, alice, bob, expire, lapse):
    flight = await operator.create_flight(seats=1)
    pending = await alice.book_pending(flight)
    expire(pending)
    (await bob.book(flight)).refusal(409, "not-enough-seats", asked=1, free=0)
    assert (await operator.capture(pending)).ok()["status"] == "booked"
    lapse(pending)
    assert await alice.count_seats(flight) == (0, 1, 0)
    assert types(await alice.read_history(pending)) == [*LAPSED_EVENTS[:2], "booking.booked"]


async def test_a_void_after_the_hold_cancels(operator, alice, expire):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight)
    expire(pending)
    cancelled = (await operator.void(pending)).ok()
    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "voided")
    assert await alice.count_seats(flight) == (0, 0, 10)
    (await alice.pay(pending)).refusal(409, "hold-expired")
    (await operator.capture(pending)).refusal(409, "booking-cancelled")
    assert await operator.list_refunds(booking_id=pending["id"]) == []


async def test_a_void_after_the_payment_lapsed_cancels_and_owes_nothing(operator, alice, lapse):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight)
    lapse(pending)
    cancelled = (await operator.void(pending)).ok()
    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "voided")
    assert await operator.list_refunds(booking_id=pending["id"]) == []


async def test_a_booking_whose_payment_lapsed_cannot_be_paid_or_reduced(operator, alice, lapse):
    pending = await alice.book_pending(await operator.create_flight(), seats=2)
    lapse(pending)
    (await alice.pay(pending)).refusal(409, "hold-expired")
    (await alice.reduce_seats(pending, 1)).refusal(409, "hold-expired")


async def test_a_late_capture_books_the_seats_again_if_they_are_free(operator, alice, lapse):
    flight = await operator.create_flight(seats=2)
    pending = await alice.book_pending(flight, seats=2)
    lapse(pending)
    booked = (await operator.capture(pending)).ok()
    assert booked["status"] == "booked"
    assert booked["payment"] == pending["payment"] | {"status": "captured", "capture_before": None}
    assert (await alice.find_booking(pending)).ok() == booked
    assert await alice.count_seats(flight) == (0, 2, 0)
    history = await alice.read_history(pending)
    assert types(history) == [*LAPSED_EVENTS, "booking.reseated", "booking.booked"]
    assert [event["status_after"] for event in history][2:] == ["cancelled", "pending", "booked"]
    assert await operator.list_refunds(booking_id=pending["id"]) == []
    (await operator.capture(pending)).refusal(409, "already-paid")


async def test_a_late_capture_for_seats_sold_since_becomes_a_refund(operator, alice, bob, lapse):
    flight = await operator.create_flight(seats=3)
    pending = await alice.book_pending(flight, seats=2)
    lapse(pending)
    his = (await bob.book(flight, seats=2)).created()
    (await bob.pay(his)).created()
    assert (await alice.find_booking(pending)).ok()["payment"]["status"] == "lapsed"
    captured = (await operator.capture(pending)).ok()
    assert (captured["status"], captured["payment"]["status"]) == ("cancelled", "refund_due")
    assert types(await alice.read_history(pending)) == [*LAPSED_EVENTS, "booking.refund_due"]
    assert await bob.count_seats(flight) == (0, 2, 1)
    refund = await find_due_refund(operator, pending)
    (await operator.capture(pending)).refusal(409, "booking-cancelled")
    (await operator.settle(refund)).ok()
    assert (await alice.find_booking(pending)).ok()["payment"]["status"] == "refunded"


async def test_a_late_capture_books_seats_that_were_sold_and_cancelled_since(operator, alice, bob, lapse):
    flight = await operator.create_flight(seats=2)
    pending = await alice.book_pending(flight, seats=2)
    lapse(pending)
    (await bob.cancel((await bob.book(flight, seats=2)).created())).ok()
    assert (await operator.capture(pending)).ok()["status"] == "booked"
    assert types(await alice.read_history(pending)) == [*LAPSED_EVENTS, "booking.reseated", "booking.booked"]
    assert await alice.count_seats(flight) == (0, 2, 0)


async def test_a_late_capture_books_seats_whose_next_hold_expired_too(operator, alice, bob, expire, lapse):
    flight = await operator.create_flight(seats=2)
    pending = await alice.book_pending(flight, seats=2)
    lapse(pending)
    his = (await bob.book(flight, seats=2)).created()
    expire(his)
    assert await alice.count_seats(flight) == (0, 0, 2)
    assert (await operator.capture(pending)).ok()["status"] == "booked"
    assert await alice.count_seats(flight) == (0, 2, 0)
    (await bob.pay(his)).refusal(409, "hold-expired")


async def test_a_late_capture_for_a_cancelled_flight_becomes_a_refund(operator, alice):
    flight = await operator.create_flight()
    pending = await alice.book_pending(flight)
    (await operator.cancel_flight(flight)).ok()
    assert (await operator.capture(pending)).ok()["status"] == "cancelled"
    await find_due_refund(operator, pending)
    assert await alice.count_seats(flight) == (0, 0, 10)


async def test_a_late_capture_without_enough_seats_left_becomes_a_refund(operator, alice, lapse):
    flight = await operator.create_flight(seats=4)
    pending = await alice.book_pending(flight, seats=3)
    lapse(pending)
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 2})).ok()
    assert (await operator.capture(pending)).ok()["status"] == "cancelled"
    await find_due_refund(operator, pending)
    assert await alice.count_seats(flight) == (0, 0, 2)


async def test_late_captures_and_new_buyers_at_once_never_oversell(operator, crowd, lapse):
    flight = await operator.create_flight(seats=6)
    owners = crowd(6)
    payments = [await owner.book_pending(flight) for owner in owners]
    lapse(payments[-1])
    rush = [buyer.book(flight) for buyer in crowd(12)] + [operator.capture(payment) for payment in payments]
    answers = await asyncio.gather(*rush)
    bought = [answer for answer in answers[:12] if answer.status == 201]
    for answer in answers[:12]:
        assert answer in bought or answer.refusal(409, "not-enough-seats")
    captured = [answer.ok() for answer in answers[12:]]
    booked = [booking for booking in captured if booking["status"] == "booked"]
    for booking in captured:
        if booking["status"] == "cancelled":
            await find_due_refund(operator, booking)
    assert len(bought) + len(booked) == 6
    assert (await operator.count_seats(flight))[1] == len(booked)


async def test_a_late_capture_and_a_new_buyer_at_once_both_get_free_seats(
    operator, alice, bob, crowd, expire, lapse
):
    flights = [await operator.create_flight(seats=2) for _ in range(20)]
    payments = [await alice.book_pending(flight) for flight in flights]
    expire(payments[-1])
    holds = [(await bob.book(flight)).created() for flight in flights]
    lapse(payments[-1])
    expire(holds[-1])
    [carol] = crowd(1)
    pairs = zip(flights, payments, strict=True)
    rush = [call for flight, pending in pairs for call in (carol.book(flight), operator.capture(pending))]
    answers = await asyncio.gather(*rush)
    assert {answer.status for answer in answers} == {200, 201}
    assert [answer.body["status"] for answer in answers[1::2]] == ["booked"] * 20


async def test_the_log_of_late_captures_verifies(program, operator, alice, lapse):
    pending = await alice.book_pending(await operator.create_flight())
    lapse(pending)
    (await operator.settle(await _late_refund(operator, alice))).ok()
    verified = program.run("verify", "--names", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def _late_refund(operator, alice):
    pending = await alice.book_pending(await operator.create_flight())
    (await alice.cancel(pending)).ok()
    (await operator.capture(pending)).ok()
    return await find_due_refund(operator, pending)
