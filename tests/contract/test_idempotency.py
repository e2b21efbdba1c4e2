"""Idempotency keys: the first outcome again, for the same caller, operation, key and body only."""

import pytest

from tests.contract.samples import BA117, new_key, on_own_day, rupees, unknown_id


def same_outcome(first, again):
    """Says why not, if `again` is not the replay of `first`."""
    assert not first.replayed, first
    assert again.replayed, again
    assert (again.status, again.body) == (first.status, first.body)
    assert again.media_type == first.media_type
    if first.status < 400:
        assert again.headers["ledger-position"] == first.headers["ledger-position"]
        assert again.headers["etag"] == first.headers["etag"]


async def twice(api, act):
    """Does it twice with one key, and checks that the second time wrote nothing."""
    key = new_key()
    first = await act(key)
    before = await api.position()
    same_outcome(first, await act(key))
    assert await api.position() == before
    return first


async def test_every_command_is_done_once_per_key(api, operator, alice):
    plan = on_own_day(BA117)
    flight = (await twice(api, lambda key: operator.post("/flights", plan, key=key))).created()
    path = f"/flights/{flight['id']}"
    booking = (await twice(api, lambda key: alice.book(flight, key=key))).created()
    (await twice(api, lambda key: alice.pay(booking, key=key))).created()
    (await twice(api, lambda key: alice.cancel(booking, key=key))).ok()
    dearer, bigger = {"price": rupees(7)}, {"seats": 50}
    (await twice(api, lambda key: operator.post(f"{path}/price", dearer, key=key))).ok()
    (await twice(api, lambda key: operator.post(f"{path}/seats", bigger, key=key))).ok()


async def test_a_business_refusal_is_an_outcome_too(api, operator, alice):
    plan = on_own_day(BA117)
    flight = (await operator.post("/flights", plan | {"seats": 1})).created()
    booking = (await alice.book(flight)).created()
    wrong = rupees(1)
    unknown = {"id": unknown_id(), "total_cost": wrong}
    (await twice(api, lambda key: operator.post("/flights", plan, key=key))).refusal(409)
    (await twice(api, lambda key: alice.book(flight, key=key))).refusal(409, "not-enough-seats")
    (await twice(api, lambda key: alice.book(unknown, key=key))).refusal(404)
    (await twice(api, lambda key: alice.pay(unknown, key=key))).refusal(404)
    (await twice(api, lambda key: alice.pay(booking, wrong, key=key))).refusal(409, "price-mismatch")
    (await alice.cancel(booking)).ok()
    (await twice(api, lambda key: alice.cancel(booking, key=key))).refusal(409, "booking-cancelled")


async def test_a_refusal_is_kept_even_when_the_answer_would_be_another_now(operator, alice, bob):
    flight, key = await operator.create_flight(seats=1), new_key()
    booking = (await alice.book(flight)).created()
    refused = await bob.book(flight, key=key)
    (await alice.cancel(booking)).ok()
    same_outcome(refused, await bob.book(flight, key=key))
    (await bob.book(flight, key=new_key())).created()


async def test_an_outcome_is_kept_even_when_the_booking_has_moved_on(operator, alice):
    booking, key = (await alice.book(await operator.create_flight())).created(), new_key()
    paid = await alice.pay(booking, key=key)
    (await alice.cancel(booking)).ok()
    same_outcome(paid, await alice.pay(booking, key=key))
    assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"


async def test_a_key_with_another_body_is_refused_and_writes_nothing(api, operator, alice):
    flight, key = await operator.create_flight(), new_key()
    first = await alice.book(flight, seats=1, key=key)
    before = await api.position()
    (await alice.book(flight, seats=2, key=key)).refusal(422, "idempotency-key-reused")
    assert await api.position() == before
    assert await alice.count_seats(flight) == (1, 0, 9)
    same_outcome(first, await alice.book(flight, seats=1, key=key))


async def test_a_key_of_another_caller_is_another_key(operator, alice, bob):
    flight, key = await operator.create_flight(), new_key()
    hers, his = await alice.book(flight, key=key), await bob.book(flight, key=key)
    assert hers.created()["id"] != his.created()["id"]
    assert not his.replayed
    assert (await bob.book(flight, key=key)).body == his.body


async def test_a_key_of_another_operation_is_another_key(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    booking = (await alice.book(flight, key=key)).created()
    paid = await alice.pay(booking, key=key)
    assert paid.created()
    assert not paid.replayed


async def test_a_key_used_on_one_booking_never_answers_for_another(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    one, two = [(await alice.book(flight)).created() for _ in range(2)]
    (await alice.cancel(one, key=key)).ok()
    answer = await alice.cancel(two, key=key)
    assert answer.status == 422 or answer.ok()["id"] == two["id"]


async def test_what_the_edge_refuses_is_not_kept(operator, alice, analyst):
    flight, key = await operator.create_flight(), new_key()
    wish = {"flight_id": flight["id"], "user_id": alice.sub, "seats": 1}
    (await alice.post("/bookings", wish | {"seats": "1"}, key=key)).refusal(400)
    (await alice.post("/bookings", wish, key=key, headers={"Content-Type": "text/plain"})).refusal(415)
    (await alice.post("/bookings", content=b" " * 70_000, key=key)).refusal(413)
    (await alice.post("/bookings", wish, key=key, headers={"Authorization": "Bearer x"})).refusal(401)
    (await analyst.post("/bookings", wish, key=key)).refusal(403)
    booked = await alice.post("/bookings", wish, key=key)
    assert booked.created()
    assert not booked.replayed


async def test_both_names_of_the_header_are_one_key(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    first = await alice.book(flight, headers={"x-idempotency-key": key})
    same_outcome(first, await alice.book(flight, headers={"Idempotency-Key": key}))
    both = {"x-idempotency-key": key, "Idempotency-Key": key}
    same_outcome(first, await alice.book(flight, headers=both))
    (await alice.book(flight, headers=both | {"Idempotency-Key": new_key()})).refusal(400)
    assert await alice.count_seats(flight) == (1, 0, 9)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "naïve", "tab\tbed", "’"])
async def test_a_key_is_printable_and_at_most_255_letters(operator, alice, key):
    flight = await operator.create_flight()
    (await alice.pay((await alice.book(flight)).created(), key=key or " ")).refusal(400)
    if key:
        (await alice.book(flight, key=key)).refusal(400)
    assert await alice.count_seats(flight) == (1, 0, 9)


@pytest.mark.parametrize("mark", ["!", "~" * 239, "{}%s';--", '"<b>"'])
async def test_every_printable_letter_may_be_in_a_key(operator, alice, mark):
    flight = await operator.create_flight()
    key = f"{mark}{flight['id'][-16:]}"
    same_outcome(await alice.book(flight, key=key), await alice.book(flight, key=key))
