"""Prices with parts over HTTP: rules of the parts, bookings that keep them, payments, and refunds."""

import pytest

from tests.contract.samples import new_key, rupees

PARTS = {"fare": 401, "fee:booking": 9, "tax:GB": 40}
PRICE = {**rupees(450), "parts": PARTS}


def parts_times(count):
    return {**rupees(450 * count), "parts": {code: amount * count for code, amount in PARTS.items()}}


async def test_a_booking_has_the_parts_of_the_price_whatever_the_price_becomes(operator, alice, auditor):
    flight = await operator.create_flight(price=PRICE)
    assert flight["price"] == PRICE
    assert (await alice.get(f"/flights/{flight['id']}")).ok()["price"] == PRICE
    booking = (await alice.book(flight, 2)).created()
    assert booking["total_cost"] == parts_times(2)
    repriced = await operator.post(f"/flights/{flight['id']}/price", {"price": rupees(7)}, key=new_key())
    assert repriced.ok()["price"] == rupees(7)
    assert (await alice.book(flight)).created()["total_cost"] == rupees(7)
    assert (await alice.find_booking(booking)).ok() == booking
    assert (await alice.find_booking(booking, "?version=1")).ok() == booking
    first, *_ = await auditor.read_history(booking)
    assert first["data"]["total_cost"] == parts_times(2)


async def test_the_order_of_the_parts_is_no_other_request(operator):
    flight, key = await operator.create_flight(), new_key()
    path, turned = f"/flights/{flight['id']}/price", dict(reversed(PARTS.items()))
    first = await operator.post(path, {"price": PRICE}, key=key)
    again = await operator.post(path, {"price": {**PRICE, "parts": turned}}, key=key)
    assert again.replayed
    assert again.ok() == first.ok()


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"fare": 449}, "/price/parts"),
        ({"fare": 451}, "/price/parts"),
        ({"tax:GB": 450}, "/price/parts"),
        ({}, "/price/parts"),
        ([], "/price/parts"),
        ("fare", "/price/parts"),
        ({"fare": 440, "bribe": 10}, "/price/parts/bribe"),
        ({"fare": 440, "tax:gb": 10}, "/price/parts/tax:gb"),
        ({"fare": 440, "tax:GB\n": 10}, "/price/parts/tax:GB\n"),
        ({"fare": 440, "tax:*": 10}, "/price/parts/tax:*"),
        ({"fare": 440, "fee:": 10}, "/price/parts/fee:"),
        ({"fare": 440, "fee:a/b~c": 10}, "/price/parts/fee:a~1b~0c"),
        ({"fare": 460, "tax:GB": -10}, "/price/parts/tax:GB"),
        ({"fare": "450"}, "/price/parts/fare"),
        ({"fare": 450.0}, "/price/parts/fare"),
        ({"fare": True}, "/price/parts/fare"),
        ({"fare": 429} | {f"fee:{n}": 1 for n in range(21)}, "/price/parts"),
    ],
)
async def test_parts_that_are_no_price_are_a_400_with_a_pointer(operator, parts, pointer):
    flight, price = await operator.create_flight(), {**rupees(450), "parts": parts}
    for answer in (
        await operator.schedule(price=price),
        await operator.post(f"/flights/{flight['id']}/price", {"price": price}),
    ):
        errors = answer.refusal(400)["errors"]
        assert [error["pointer"] for error in errors] == [pointer]


async def test_a_payment_states_all_parts_or_none(operator, alice):
    flight = await operator.create_flight(price=PRICE)
    first, second, third = [(await alice.book(flight)).created() for _ in range(3)]
    wrong = {**rupees(450), "parts": {"fare": 450}}
    (await alice.pay(first, total_cost=wrong)).refusal(409, "price-mismatch", expected=PRICE)
    for booking, cost in ((first, PRICE), (second, rupees(450))):
        paid = (await alice.pay(booking, total_cost=cost)).created()["booking"]
        assert (paid["status"], paid["total_cost"]) == ("booked", PRICE)
    (await alice.pay(third, total_cost=rupees(449))).refusal(409, "price-mismatch", expected=PRICE)
    plain = (await alice.book(await operator.create_flight(price=rupees(450)))).created()
    (await alice.pay(plain, total_cost=PRICE)).refusal(409, "price-mismatch", expected=rupees(450))


async def test_a_refund_lists_its_parts(operator, alice):
    booking = await alice.book_and_pay(await operator.create_flight(price=PRICE), 2)
    fewer = (await alice.reduce_seats(booking, 1)).ok()
    assert fewer["total_cost"] == PRICE
    quote = (await alice.quote(fewer)).ok()
    assert quote["refund"] == PRICE
    (await alice.cancel(fewer)).ok()
    refunds = await operator.list_refunds(booking_id=booking["id"])
    assert [refund["amount"] for refund in refunds] == [PRICE, PRICE]
    assert (await operator.settle(refunds[0])).ok()["amount"] == PRICE


async def test_a_stated_refund_is_divided_over_the_parts(operator, alice):
    booking = await alice.book_and_pay(await operator.create_flight(price=PRICE))
    body = {"reason": "goodwill", "refund": {"amount": 100}}
    (await operator.post(f"/bookings/{booking['id']}/cancel", body)).ok()
    [refund] = await operator.list_refunds(booking_id=booking["id"])
    assert refund["amount"] == {**rupees(100), "parts": {"fare": 90, "fee:booking": 2, "tax:GB": 8}}


async def test_an_itinerary_has_parts_if_all_its_bookings_have_parts(operator, alice):
    first, second = [await operator.create_flight(price=PRICE) for _ in range(2)]
    itinerary = (await alice.book_itinerary([first, second])).created()
    assert itinerary["total_cost"] == parts_times(2)
    (await alice.pay_itinerary(itinerary)).created()
    quote = (await alice.itinerary(itinerary, "cancel/quote")).ok()
    assert quote["refund"] == parts_times(2)
    assert [one["refund"] for one in quote["bookings"]] == [PRICE, PRICE]
    plain = await operator.create_flight(price=rupees(50))
    mixed = (await alice.book_itinerary([first, plain])).created()
    assert mixed["total_cost"] == rupees(500)


async def test_flights_are_found_by_their_price_with_or_without_parts(operator, alice):
    flight = await operator.create_flight(price=PRICE)
    day = flight["departs_at"][:10]
    query = f"/flights?date={day}&currency=INR&max_price=450&sort=price"
    assert [one["price"] for one in (await alice.get(query)).ok()["data"]] == [PRICE]
