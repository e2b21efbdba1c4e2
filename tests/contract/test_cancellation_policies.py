"""Cancellation policies over HTTP: quote and cancellation agree, and the airline gives all money back."""

from datetime import timedelta

import pytest

from tests.contract.samples import at, new_key, rupees

PARTS = {"fare": 401, "fee:booking": 9, "tax:GB": 40}
PRICE = {**rupees(450), "parts": PARTS}
HALF = {**rupees(240), "parts": {"fare": 200, "fee:booking": 0, "tax:GB": 40}}
TAX = {**rupees(40), "parts": {"fare": 0, "fee:booking": 0, "tax:GB": 40}}
PERCENTAGES = {"percentages": {"fare": 50, "tax:*": 100}, "percentages_after": {"tax:*": 100}}


@pytest.fixture
def program(clock_program):
    return clock_program


def policy(clock, seconds=3600):
    until = clock.now() + timedelta(seconds=seconds)
    return {"refundable_until": until.isoformat().replace("+00:00", "Z"), **PERCENTAGES}


async def change(operator, flight, policy, **options):
    body = {"cancellation_policy": policy}
    return await operator.post(f"/flights/{flight['id']}/cancellation-policy", body, **options)


async def amounts(operator, booking):
    return [refund["amount"] for refund in await operator.list_refunds(booking_id=booking["id"])]


async def test_quote_and_cancellation_follow_the_policy_at_each_instant(operator, alice, clock):
    terms = policy(clock)
    flight = await operator.create_flight(price=PRICE, cancellation_policy=terms)
    assert flight["cancellation_policy"] == terms
    early, late = [await alice.book_and_pay(flight) for _ in range(2)]
    assert early["cancellation_policy"] == terms
    clock.set_before(terms["refundable_until"])
    quote = (await alice.quote(early)).ok()
    assert (quote["refund"], quote["valid_until"]) == (HALF, terms["refundable_until"])
    (await alice.cancel(early)).ok()
    clock.set_to(terms["refundable_until"])
    quote = (await alice.quote(late)).ok()
    assert quote["refund"] == TAX
    assert at(quote["valid_until"]) == clock.now() + timedelta(minutes=5)
    (await alice.cancel(late)).ok()
    assert [await amounts(operator, booking) for booking in (early, late)] == [[HALF], [TAX]]


async def test_bookings_keep_the_policy_that_they_were_made_with(operator, alice, auditor, clock):
    flight = await operator.create_flight(price=PRICE)
    assert "cancellation_policy" not in flight
    free = await alice.book_and_pay(flight)
    assert "cancellation_policy" not in free
    strict = {"refundable_until": "2020-01-01T00:00:00Z"}
    changed = await change(operator, flight, strict, key=new_key())
    assert changed.ok()["cancellation_policy"] == strict
    assert changed.ok()["version"] == flight["version"] + 1
    bound = await alice.book_and_pay(flight)
    assert "cancellation_policy" not in (await change(operator, flight, None)).ok()
    (await alice.cancel(free)).ok()
    cancelled = (await alice.cancel(bound)).ok()
    assert (cancelled["status"], cancelled["payment"]["status"]) == ("cancelled", "captured")
    assert cancelled["cancellation_policy"] == strict
    assert [await amounts(operator, booking) for booking in (free, bound)] == [[PRICE], []]
    first, *_ = await auditor.read_history(bound)
    assert first["data"]["cancellation_policy"] == strict


async def test_seats_given_back_are_refunded_like_a_cancellation(operator, alice, clock):
    flight = await operator.create_flight(price=PRICE, cancellation_policy=policy(clock))
    booking = await alice.book_and_pay(flight, 2)
    (await alice.reduce_seats(booking, 1)).ok()
    assert await amounts(operator, booking) == [HALF]


@pytest.mark.parametrize("end", ["flight", "boarding", "stated"])
async def test_what_the_airline_ends_is_refunded_whole(operator, alice, end):
    strict = {"refundable_until": "2020-01-01T00:00:00Z"}
    flight = await operator.create_flight(price=PRICE, cancellation_policy=strict)
    booking = await alice.book_and_pay(flight)
    path = f"/bookings/{booking['id']}"
    calls = {
        "flight": (f"/flights/{flight['id']}/cancel", {"reason": "fog"}),
        "boarding": (f"{path}/deny-boarding", {"reason": "full"}),
        "stated": (f"{path}/cancel", {"reason": "goodwill", "refund": "full"}),
    }
    (await operator.post(*calls[end])).ok()
    assert await amounts(operator, booking) == [PRICE]


async def test_an_itinerary_is_cancelled_by_the_policies_of_its_flights(operator, alice, clock):
    strict = await operator.create_flight(price=PRICE, cancellation_policy=policy(clock))
    free = await operator.create_flight(price=rupees(100))
    itinerary = (await alice.book_itinerary([strict, free])).created()
    (await alice.pay_itinerary(itinerary)).created()
    quote = (await alice.itinerary(itinerary, "cancel/quote")).ok()
    assert quote["refund"] == rupees(340)
    assert [one["refund"] for one in quote["bookings"]] == [HALF, rupees(100)]
    (await alice.itinerary(itinerary, "cancel")).ok()
    first, second = itinerary["bookings"]
    assert await amounts(operator, first) + await amounts(operator, second) == [HALF, rupees(100)]


async def test_a_dry_run_and_a_stale_version_change_no_policy(operator):
    flight = await operator.create_flight()
    path = f"/flights/{flight['id']}/cancellation-policy"
    body = {"cancellation_policy": {"percentages": {"fare": 10}}}
    dry = (await operator.post(f"{path}?dry_run=true", body)).ok()
    assert dry["cancellation_policy"] == body["cancellation_policy"]
    (await operator.post(path, body, headers={"If-Match": '"v9"'})).refusal(412)
    assert (await operator.get(f"/flights/{flight['id']}")).ok() == flight


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"percentages": {"fare": 101}}, "/percentages/fare"),
        ({"percentages": {"fare": -1}}, "/percentages/fare"),
        ({"percentages": {"fare": 50.0}}, "/percentages/fare"),
        ({"percentages": {"*": 50}}, "/percentages/*"),
        ({"percentages": {"fare:*": 50}}, "/percentages/fare:*"),
        ({"percentages": []}, "/percentages"),
        ({"percentages_after": {"fare": 50}}, "/percentages_after"),
        ({"refundable_until": "tomorrow"}, "/refundable_until"),
        ({"refundable_until": "2030-01-01T00:00:00"}, "/refundable_until"),
        ({"refundable_until": "9999-12-31T23:59:59-01:00"}, "/refundable_until"),
        ({"until": "2030-01-01T00:00:00Z"}, "/until"),
        ("free", ""),
    ],
)
async def test_an_impossible_policy_is_a_400_with_a_pointer(operator, terms, pointer):
    flight = await operator.create_flight()
    for answer in (await operator.schedule(cancellation_policy=terms), await change(operator, flight, terms)):
        errors = answer.refusal(400)["errors"]
        assert [error["pointer"] for error in errors] == [f"/cancellation_policy{pointer}"]


async def test_a_policy_is_answered_in_utc(operator):
    terms = {"refundable_until": "2030-01-01T00:00:00+05:30"}
    flight = await operator.create_flight(cancellation_policy=terms)
    assert flight["cancellation_policy"] == {"refundable_until": "2029-12-31T18:30:00Z"}
