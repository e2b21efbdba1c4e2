"""If-Match for commands on a known version, `min_position` for queries that need a position."""

import asyncio
import time

import pytest

from tests.contract.samples import new_key

FAR = 10**9


async def test_a_stale_version_is_a_412_and_changes_nothing(api, operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    paid = (await alice.pay(booking)).created()["booking"]
    before = await api.position()
    (await alice.cancel(booking, headers={"If-Match": '"v1"'})).refusal(412)
    (await alice.cancel(booking, headers={"If-Match": '"v99"'})).refusal(412)
    assert await api.position() == before
    assert (await alice.find_booking(booking)).ok() == paid


async def test_the_etag_is_the_current_version(operator, alice):
    made = await alice.book(await operator.create_flight())
    paid = await alice.pay(made.created(), headers={"If-Match": made.headers["etag"]})
    assert paid.created()["booking"]["status"] == "booked"
    cancelled = await alice.cancel(made.body, headers={"If-Match": paid.headers["etag"]})
    assert cancelled.ok()["status"] == "cancelled"


async def test_a_payment_for_a_stale_version_is_a_412(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    (await alice.pay(booking, headers={"If-Match": '"v2"'})).refusal(412)
    assert (await alice.find_booking(booking)).ok() == booking


@pytest.mark.parametrize("garbage", ["v1", "1", '"1"', '"vx"', '"v1', '"v-1"', "'v1'", '"v1_0"', '"v٢"'])
async def test_an_invalid_if_match_is_refused(operator, alice, garbage):
    booking = (await alice.book(await operator.create_flight())).created()
    answer = await alice.cancel(booking, headers={"If-Match": garbage})
    assert answer.status in (400, 412), answer
    assert (await alice.find_booking(booking)).ok() == booking


async def test_one_of_several_commands_on_the_same_version_is_accepted(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    fresh = {"If-Match": '"v1"'}
    answers = await asyncio.gather(*[alice.cancel(booking, key=new_key(), headers=fresh) for _ in range(6)])
    assert sorted(answer.status for answer in answers)[0] == 200
    assert all(answer.status in (409, 412) for answer in answers if answer.status != 200)
    assert sum(answer.status == 200 for answer in answers) == 1


async def test_a_flight_changes_only_at_the_version_in_if_match(api, operator):
    made = await operator.schedule()
    flight, if_match = f"/flights/{made.created()['id']}", {"If-Match": made.headers["etag"]}
    repriced = await operator.post(
        f"{flight}/price", {"price": {"amount": 7, "currency": "EUR"}}, headers=if_match
    )
    assert repriced.ok()["version"] == 2
    before = await api.position()
    for change, body in [
        ("price", {"price": {"amount": 6, "currency": "EUR"}}),
        ("seats", {"seats": 99}),
        ("cancel", {"reason": "fog"}),
    ]:
        late = await operator.post(f"{flight}/{change}", body, headers=if_match)
        late.refusal(412, "stale-version", expected=1, version=2)
        (await operator.post(f"{flight}/{change}", body, headers={"If-Match": "v2"})).refusal(400)
    assert await api.position() == before
    assert (await operator.get(flight)).ok() == repriced.body


async def test_a_party_leaves_only_at_the_version_in_if_match(alice, bob, operator):
    flight = await operator.create_flight(seats=1)
    await alice.book(flight)
    joined = await bob.post(f"/flights/{flight['id']}/waitlist", {"user_id": bob.sub, "seats": 1})
    leave = f"/waitlist/{joined.created()['id']}/leave"
    (await bob.post(leave, headers={"If-Match": '"v2"'})).refusal(412)
    assert (await bob.post(leave, headers={"If-Match": joined.headers["etag"]})).ok()["status"] == "left"


def queries(flight, booking):
    here, hers = f"/flights/{flight['id']}", f"/bookings/{booking['id']}"
    return ["/flights", here, f"{here}/availability", "/bookings", hers, f"{hers}/history"]


async def test_a_query_for_a_position_in_the_past_is_answered_at_once(operator, alice):
    flight = await operator.create_flight()
    made = await alice.book(flight)
    for path in queries(flight, made.created()):
        answer = await alice.get(f"{path}?min_position={made.position}")
        assert answer.status == 200, path
        assert answer.position >= made.position, path


async def test_a_query_waits_for_the_next_position(api, operator, alice):
    flight = await operator.create_flight()
    soon = await api.position() + 1
    path = f"/flights/{flight['id']}/availability?min_position={soon}"
    early = [asyncio.create_task(alice.get(path)) for _ in range(8)]
    # A query sent after them is answered at the old position: it does not wait, and they do.
    assert (await alice.count_seats(flight))[0] == 0
    booked = await alice.book(flight)
    for answer in await asyncio.gather(*early):
        assert answer.ok()["held"] == 1
        assert answer.position >= booked.position >= soon


async def test_a_query_for_a_position_out_of_reach_is_a_503_after_two_seconds(operator, alice):
    flight = await operator.create_flight()
    paths = queries(flight, (await alice.book(flight)).created())
    started = time.monotonic()
    answers = await asyncio.gather(*[alice.get(f"{path}?min_position={FAR}") for path in paths])
    assert time.monotonic() - started < 10
    for answer in answers:
        answer.refusal(503)
        assert int(answer.headers["retry-after"]) >= 0


@pytest.mark.parametrize("garbage", ["abc", "-1", "1.5", "", "1_0", "%D9%A1", "1%0A", "0x10", "true"])
async def test_a_position_that_is_not_a_number_is_a_400(operator, alice, garbage):
    flight = await operator.create_flight()
    for path in queries(flight, (await alice.book(flight)).created()):
        (await alice.get(f"{path}?min_position={garbage}")).refusal(400)


async def test_a_position_beyond_any_log_is_not_a_500(alice):
    for number in (2**63, 2**64, 10**40):
        answer = await alice.get(f"/flights?min_position={number}")
        assert answer.status in (400, 503)
