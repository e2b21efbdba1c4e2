"""Idempotency keys: a replay needs the same caller, operation, key and body."""

import pytest

from tests.contract.samples import BA117, new_key, on_own_day, rupees


def check_replay(first, again):
    """Fail unless `again` replays `first`."""
    assert not first.replayed, first
    assert again.replayed, again
    assert (again.status, again.body) == (first.status, first.body)
    assert again.media_type == first.media_type
    if first.status < 400:
        assert again.headers["ledger-position"] == first.headers["ledger-position"]
        assert again.headers["etag"] == first.headers["etag"]


async def call_twice(api, act):
    """Send a command twice with one key, and check that the second one wrote nothing."""
    key = new_key()
    first = await act(key)
    before = await api.position()
    check_replay(first, await act(key))
    assert await api.position() == before
    return first


async def test_every_command_is_done_once_per_key(api, operator, alice):
    plan = on_own_day(BA117)
    flight = (await call_twice(api, lambda key: operator.post("/flights", plan, key=key))).created()
    path = f"/flights/{flight['id']}"
    booking = (await call_twice(api, lambda key: alice.book(flight, key=key))).created()
    (await call_twice(api, lambda key: alice.pay(booking, key=key))).created()
    (await call_twice(api, lambda key: alice.cancel(booking, key=key))).ok()
    dearer, bigger = {"price": rupees(7)}, {"seats": 50}
    (await call_twice(api, lambda key: operator.post(f"{path}/price", dearer, key=key))).ok()
    (await call_twice(api, lambda key: operator.post(f"{path}/seats", bigger, key=key))).ok()


async def test_a_refusal_is_replayed_too(api, operator, alice):
    plan = on_own_day(BA117)
    flight = (await operator.post("/flights", plan | {"seats": 1})).created()
    booking = (await alice.book(flight)).created()
    wrong = rupees(1)
    (await call_twice(api, lambda key: operator.post("/flights", plan, key=key))).refusal(409)
    (await call_twice(api, lambda key: alice.book(flight, key=key))).refusal(409, "not-enough-seats")
    (await call_twice(api, lambda key: alice.pay(booking, wrong, key=key))).refusal(409, "price-mismatch")
    (await alice.cancel(booking)).ok()
    (await call_twice(api, lambda key: alice.cancel(booking, key=key))).refusal(409, "booking-cancelled")


async def test_a_404_is_not_kept_and_its_key_may_be_used_for_another_body(api, operator, alice):
    flight, key = await operator.create_flight(), new_key()
    unknown = {"id": api.unknown_id(), "total_cost": rupees(1)}
    commands = {
        "initiate_booking": lambda target: alice.book(target, key=key),
        "join_waitlist": lambda target: alice.post(
            f"/flights/{target['id']}/waitlist", {"user_id": alice.sub, "seats": 1}, key=key
        ),
        "pay_booking": lambda target: alice.pay(target, key=key),
        "cancel_booking": lambda target: alice.post(f"/bookings/{target['id']}/cancel", {}, key=key),
    }
    position = await api.position()
    for operation, command in commands.items():
        for _ in range(2):
            answer = await command(unknown)
            answer.refusal(404)
            assert (answer.replayed, answer.position) == (False, position)
        (await alice.find_outcome(alice.sub, operation, key)).refusal(404, "command-not-found")
    booking = (await alice.book(flight, key=key)).created()
    (await alice.pay(booking, key=key)).created()
    (await alice.cancel(booking, key=key)).ok()


async def test_refusals_about_nothing_take_no_space(api, alice, auditor):
    """A client would fill the disk with them."""
    items = [
        {"key": new_key(), "flight_id": api.unknown_id(), "user_id": alice.sub, "seats": 1}
        for _ in range(100)
    ]
    results = (await alice.post("/bookings/bulk", {"items": items})).ok()["results"]
    assert {(result["status"], result["replayed"]) for result in results} == {(404, False)}
    for item in items[::33]:
        (await auditor.find_outcome(alice.sub, "initiate_booking", item["key"])).refusal(404)


async def test_a_refusal_is_replayed_even_if_the_command_would_succeed_now(operator, alice, bob):
    flight, key = await operator.create_flight(seats=1), new_key()
    booking = (await alice.book(flight)).created()
    refused = await bob.book(flight, key=key)
    (await alice.cancel(booking)).ok()
    check_replay(refused, await bob.book(flight, key=key))
    (await bob.book(flight, key=new_key())).created()


async def test_an_outcome_is_replayed_even_if_the_booking_has_changed(operator, alice):
    booking, key = (await alice.book(await operator.create_flight())).created(), new_key()
    paid = await alice.pay(booking, key=key)
    (await alice.cancel(booking)).ok()
    check_replay(paid, await alice.pay(booking, key=key))
    assert (await alice.find_booking(booking)).ok()["status"] == "cancelled"


async def test_a_key_with_another_body_is_refused_and_writes_nothing(api, operator, alice):
    flight, key = await operator.create_flight(), new_key()
    first = await alice.book(flight, seats=1, key=key)
    before = await api.position()
    (await alice.book(flight, seats=2, key=key)).refusal(422, "idempotency-key-reused")
    assert await api.position() == before
    assert await alice.count_seats(flight) == (1, 0, 9)
    check_replay(first, await alice.book(flight, seats=1, key=key))


async def test_callers_do_not_share_keys(operator, alice, bob):
    flight, key = await operator.create_flight(), new_key()
    hers, his = await alice.book(flight, key=key), await bob.book(flight, key=key)
    assert hers.created()["id"] != his.created()["id"]
    assert not his.replayed
    assert (await bob.book(flight, key=key)).body == his.body


async def test_operations_do_not_share_keys(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    booking = (await alice.book(flight, key=key)).created()
    paid = await alice.pay(booking, key=key)
    assert paid.created()
    assert not paid.replayed


async def test_a_key_used_on_one_booking_is_not_replayed_for_another(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    one, two = [(await alice.book(flight)).created() for _ in range(2)]
    (await alice.cancel(one, key=key)).ok()
    answer = await alice.cancel(two, key=key)
    assert answer.status == 422 or answer.ok()["id"] == two["id"]


async def test_invalid_requests_do_not_use_the_key(operator, alice, analyst):
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


async def test_both_header_names_set_the_same_key(operator, alice):
    flight, key = await operator.create_flight(), new_key()
    first = await alice.book(flight, headers={"x-idempotency-key": key})
    check_replay(first, await alice.book(flight, headers={"Idempotency-Key": key}))
    both = {"x-idempotency-key": key, "Idempotency-Key": key}
    check_replay(first, await alice.book(flight, headers=both))
    (await alice.book(flight, headers=both | {"Idempotency-Key": new_key()})).refusal(400)
    assert await alice.count_seats(flight) == (1, 0, 9)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "naïve", "tab\tbed", "’"])
async def test_a_key_that_is_too_long_or_not_printable_is_refused(operator, alice, key):
    flight = await operator.create_flight()
    (await alice.pay((await alice.book(flight)).created(), key=key or " ")).refusal(400)
    if key:
        (await alice.book(flight, key=key)).refusal(400)
    assert await alice.count_seats(flight) == (1, 0, 9)


@pytest.mark.parametrize("mark", ["!", "~" * 239, "{}%s';--", '"<b>"'])
async def test_a_key_may_contain_every_printable_character(operator, alice, mark):
    flight = await operator.create_flight()
    key = f"{mark}{flight['id'][-16:]}"
    check_replay(await alice.book(flight, key=key), await alice.book(flight, key=key))
