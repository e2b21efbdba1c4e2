"""Cancellation quotes: the refund that a cancellation then makes due."""

from datetime import UTC, datetime

import pytest

from tests.contract.samples import at, new_key, rupees, unknown_id


async def book_in_state(state, operator, alice):
    flight = await operator.create_flight(price=rupees(777))
    if state == "initiated":
        return (await alice.book(flight, seats=3)).created()
    return await (alice.book_pending if state == "pending" else alice.book_and_pay)(flight, seats=3)


@pytest.mark.parametrize(("state", "amount"), [("initiated", 0), ("pending", 0), ("booked", 2331)])
async def test_a_quote_contains_the_refund_and_writes_nothing(operator, alice, state, amount):
    booking = await book_in_state(state, operator, alice)
    before, flight = await operator.read_head(), {"id": booking["flight_id"]}
    seats = await alice.count_seats(flight)
    quote = (await alice.quote(booking)).ok()
    assert datetime.now(UTC) < at(quote.pop("valid_until"))
    version = booking["version"]
    assert quote == {"booking_id": booking["id"], "version": version, "seats": 3, "refund": rupees(amount)}
    assert await operator.read_head() == before
    assert await alice.count_seats(flight) == seats
    assert (await alice.find_booking(booking)).ok() == booking


@pytest.mark.parametrize("state", ["initiated", "pending", "booked"])
async def test_the_refund_equals_the_quote(operator, alice, state):
    booking = await book_in_state(state, operator, alice)
    quote = (await alice.quote(booking)).ok()
    (await alice.cancel(booking, headers={"If-Match": f'"v{quote["version"]}"'})).ok()
    refunds = await operator.list_refunds(booking_id=booking["id"])
    assert [refund["amount"] for refund in refunds] == (
        [quote["refund"]] if quote["refund"]["amount"] else []
    )


async def test_a_quote_is_for_the_remaining_seats(operator, alice):
    booking = await book_in_state("booked", operator, alice)
    stale = (await alice.quote(booking)).ok()
    smaller = (await alice.reduce_seats(booking, 1)).ok()
    quote = (await alice.quote(booking)).ok()
    assert (quote["refund"], quote["seats"], quote["version"]) == (rupees(777), 1, smaller["version"])
    (await alice.cancel(booking, headers={"If-Match": f'"v{stale["version"]}"'})).refusal(412)


async def test_a_quote_is_never_replayed(operator, alice):
    booking, key = await book_in_state("initiated", operator, alice), new_key()
    assert (await alice.quote(booking, key=key)).ok()["refund"] == rupees(0)
    (await alice.pay(booking)).created()
    again = await alice.quote(booking, key=key)
    assert again.ok()["refund"] == rupees(2331)
    assert not again.replayed
    assert not (await alice.cancel(booking, key=key)).replayed
    after = await alice.quote(booking, key=key)
    after.refusal(409, "booking-cancelled")
    assert not after.replayed


async def test_a_cancelled_booking_has_no_quote(operator, alice):
    booking = await book_in_state("booked", operator, alice)
    (await alice.cancel(booking)).ok()
    (await alice.quote(booking)).refusal(409, "booking-cancelled")


async def test_a_quote_for_a_booking_of_another_client_is_a_404(operator, alice, bob):
    booking = await book_in_state("booked", operator, alice)
    (await bob.quote(booking)).refusal(404, "booking-not-found")
    (await bob.quote({"id": unknown_id()})).refusal(404, "booking-not-found")
    assert (await operator.quote(booking)).ok()["refund"] == rupees(2331)


@pytest.mark.parametrize("role", ["auditor", "analyst"])
async def test_only_buyers_ask_for_quotes(request, operator, alice, role):
    booking = await book_in_state("booked", operator, alice)
    (await request.getfixturevalue(role).quote(booking)).refusal(403)


async def test_a_quote_takes_no_parameters_and_no_fields(operator, alice):
    booking = await book_in_state("booked", operator, alice)
    path = f"/bookings/{booking['id']}/cancel/quote"
    (await alice.post(f"{path}?seats=1", {})).refusal(400)
    (await alice.post(path, {"seats": 1})).refusal(400)
    assert (await alice.post(path)).ok()["refund"] == rupees(2331)
