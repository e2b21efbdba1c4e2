"""Payments: the checks and their order, and that money is taken once."""

import asyncio

import pytest

from tests.contract.samples import RUPEES, new_key, rupees, unknown_id

PRICE = rupees(450000)
WRONG_PRICES = [rupees(449999), rupees(450001), rupees(0), {"amount": 450000, "currency": "USD"}]


async def book_in_state(operator, alice, state):
    """Return a booking of Alice with one seat, in the given state."""
    booking = (await alice.book(await operator.create_flight(price=PRICE))).created()
    if state in ("booked", "booked, then cancelled"):
        (await alice.pay(booking)).created()
    if state in ("cancelled", "booked, then cancelled"):
        (await alice.cancel(booking)).ok()
    return booking


@pytest.mark.parametrize("wrong", WRONG_PRICES)
async def test_the_amount_must_be_the_cost_of_the_booking(operator, alice, wrong):
    booking = await book_in_state(operator, alice, "initiated")
    (await alice.pay(booking, wrong)).refusal(409, "price-mismatch", expected=PRICE)
    assert (await alice.find_booking(booking)).ok() == booking
    (await alice.pay(booking)).created()


@pytest.mark.parametrize("price", [PRICE, rupees(1)], ids=["right price", "wrong price"])
@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("cancelled", "booking-cancelled"),
        ("booked, then cancelled", "booking-cancelled"),
        ("booked", "already-paid"),
    ],
)
async def test_the_state_is_checked_before_the_amount(api, operator, alice, state, code, price):
    booking = await book_in_state(operator, alice, state)
    seats, before = await alice.count_seats({"id": booking["flight_id"]}), await api.position()
    (await alice.pay(booking, price)).refusal(409, code)
    assert await api.position() == before
    assert await alice.count_seats({"id": booking["flight_id"]}) == seats


@pytest.mark.parametrize("state", ["initiated", "booked", "cancelled"])
async def test_the_owner_is_checked_first(operator, alice, bob, state):
    booking = await book_in_state(operator, alice, state)
    (await bob.pay(booking, rupees(1))).refusal(404)
    (await bob.pay({"id": unknown_id()}, PRICE)).refusal(404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_cost": rupees("450000")},
        {"total_cost": rupees(450000.0)},
        {"total_cost": rupees(True)},
        {"total_cost": rupees(None)},
        {"total_cost": rupees(-1)},
        {"total_cost": rupees(2**53)},
        {"total_cost": rupees(2**64)},
        {"total_cost": {"amount": 450000, "currency": "inr"}},
        {"total_cost": {"amount": 450000, "currency": "INR\n"}},
        {"total_cost": {"amount": 450000}},
        {"total_cost": PRICE | {"tip": 1}},
        {"total_cost": 450000},
        {"total_cost": None},
        {"booking_id": "BA117"},
        {"booking_id": None},
        {"user_id": 7},
        {"capture": "later"},
        {"capture": True},
        {"card": "4242424242424242"},
    ],
    ids=str,
)
async def test_an_invalid_payment_is_a_400(operator, alice, wrong):
    booking = await book_in_state(operator, alice, "initiated")
    payment = {"booking_id": booking["id"], "user_id": alice.sub, "total_cost": PRICE}
    (await alice.post("/bookings/payments", payment | wrong, key=new_key())).refusal(400)
    assert (await alice.find_booking(booking)).ok() == booking


@pytest.mark.parametrize("missing", ["booking_id", "user_id", "total_cost"])
async def test_every_field_of_a_payment_is_required(operator, alice, missing):
    booking = await book_in_state(operator, alice, "initiated")
    payment = {"booking_id": booking["id"], "user_id": alice.sub, "total_cost": PRICE}
    del payment[missing]
    (await alice.post("/bookings/payments", payment, key=new_key())).refusal(400)


async def test_a_payment_without_a_key_is_refused(operator, alice):
    booking = await book_in_state(operator, alice, "initiated")
    payment = {"booking_id": booking["id"], "user_id": alice.sub, "total_cost": PRICE}
    (await alice.post("/bookings/payments", payment)).refusal(400, "idempotency-key-missing")
    assert (await alice.find_booking(booking)).ok() == booking


async def test_eight_payments_at_once_take_the_money_once(operator, alice):
    booking = await book_in_state(operator, alice, "initiated")
    answers = await asyncio.gather(*[alice.pay(booking) for _ in range(8)])
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    refusals = {answer.body["code"] for answer in answers if answer.status == 409}
    assert refusals <= {"already-paid", "payment-in-progress"}
    assert await alice.count_seats({"id": booking["flight_id"]}) == (0, 1, 9)
    assert len(await alice.read_history(booking)) == 3


async def test_a_paid_booking_does_not_change_with_the_price(operator, alice):
    booking = await book_in_state(operator, alice, "booked")
    path = f"/flights/{booking['flight_id']}/price"
    (await operator.post(path, {"price": RUPEES | {"amount": 1}})).ok()
    assert (await alice.find_booking(booking)).ok()["total_cost"] == PRICE
