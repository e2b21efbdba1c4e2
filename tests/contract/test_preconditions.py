"""If-Match for those who changed their mind about a version, min_position for those who wait for one."""

import asyncio
import time

import pytest

from tests.contract.samples import new_key

FAR = 10**9


async def test_a_stale_version_is_a_412_and_changes_nothing(api, operator, alice):
    booking = (await alice.book(await operator.flight())).made()
    paid = (await alice.pay(booking)).made()["booking"]
    before = await api.position()
    (await alice.cancel(booking, headers={"If-Match": '"v1"'})).refused(412)
    (await alice.cancel(booking, headers={"If-Match": '"v99"'})).refused(412)
    assert await api.position() == before
    assert (await alice.booking(booking)).done() == paid


async def test_the_version_of_the_etag_is_fresh(operator, alice):
    made = await alice.book(await operator.flight())
    paid = await alice.pay(made.made(), headers={"If-Match": made.headers["etag"]})
    assert paid.made()["booking"]["status"] == "booked"
    cancelled = await alice.cancel(made.body, headers={"If-Match": paid.headers["etag"]})
    assert cancelled.done()["status"] == "cancelled"


async def test_a_payment_for_a_stale_version_is_a_412(operator, alice):
    booking = (await alice.book(await operator.flight())).made()
    (await alice.pay(booking, headers={"If-Match": '"v2"'})).refused(412)
    assert (await alice.booking(booking)).done() == booking


@pytest.mark.parametrize("garbage", ["v1", "1", '"1"', '"vx"', '"v1', '"v-1"', "'v1'", '"v1_0"', '"v٢"'])
async def test_a_broken_if_match_never_passes(operator, alice, garbage):
    booking = (await alice.book(await operator.flight())).made()
    answer = await alice.cancel(booking, headers={"If-Match": garbage})
    assert answer.status in (400, 412), answer
    assert (await alice.booking(booking)).done() == booking


async def test_of_two_who_saw_the_same_version_one_wins(operator, alice):
    booking = (await alice.book(await operator.flight())).made()
    fresh = {"If-Match": '"v1"'}
    answers = await asyncio.gather(*[alice.cancel(booking, key=new_key(), headers=fresh) for _ in range(6)])
    assert sorted(answer.status for answer in answers)[0] == 200
    assert all(answer.status in (409, 412) for answer in answers if answer.status != 200)
    assert sum(answer.status == 200 for answer in answers) == 1


async def test_a_flight_is_changed_only_at_the_version_that_was_seen(api, operator):
    made = await operator.schedule()
    flight, seen = f"/flights/{made.made()['id']}", {"If-Match": made.headers["etag"]}
    dearer = await operator.post(f"{flight}/price", {"price": {"amount": 7, "currency": "EUR"}}, headers=seen)
    assert dearer.done()["version"] == 2
    before = await api.position()
    for change, body in [
        ("price", {"price": {"amount": 6, "currency": "EUR"}}),
        ("seats", {"seats": 99}),
        ("cancel", {"reason": "fog"}),
    ]:
        late = await operator.post(f"{flight}/{change}", body, headers=seen)
        late.refused(412, "stale-version", expected=1, version=2)
        (await operator.post(f"{flight}/{change}", body, headers={"If-Match": "v2"})).refused(400)
    assert await api.position() == before
    assert (await operator.get(flight)).done() == dearer.body


async def test_an_entry_of_a_waiting_list_is_left_only_at_the_version_that_was_seen(alice, bob, operator):
    flight = await operator.flight(seats=1)
    await alice.book(flight)
    waits = await bob.post(f"/flights/{flight['id']}/waitlist", {"user_id": bob.sub, "seats": 1})
    leave = f"/waitlist/{waits.made()['id']}/leave"
    (await bob.post(leave, headers={"If-Match": '"v2"'})).refused(412)
    assert (await bob.post(leave, headers={"If-Match": waits.headers["etag"]})).done()["status"] == "left"


def queries(flight, booking):
    here, hers = f"/flights/{flight['id']}", f"/bookings/{booking['id']}"
    return ["/flights", here, f"{here}/availability", "/bookings", hers, f"{hers}/history"]


async def test_a_position_already_reached_is_answered_at_once(operator, alice):
    flight = await operator.flight()
    made = await alice.book(flight)
    for path in queries(flight, made.made()):
        answer = await alice.get(f"{path}?min_position={made.position}")
        assert answer.status == 200, path
        assert answer.position >= made.position, path


async def test_a_position_about_to_be_reached_is_waited_for(api, operator, alice):
    flight = await operator.flight()
    soon = await api.position() + 1
    path = f"/flights/{flight['id']}/availability?min_position={soon}"
    waiting = asyncio.create_task(alice.get(path))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    booked = await alice.book(flight)
    answer = await waiting
    assert answer.done()["held"] == 1
    assert answer.position >= booked.position >= soon


async def test_a_position_out_of_reach_is_a_503_after_two_seconds(operator, alice):
    flight = await operator.flight()
    paths = queries(flight, (await alice.book(flight)).made())
    started = time.monotonic()
    answers = await asyncio.gather(*[alice.get(f"{path}?min_position={FAR}") for path in paths])
    assert time.monotonic() - started < 10
    for answer in answers:
        answer.refused(503)
        assert int(answer.headers["retry-after"]) >= 0


@pytest.mark.parametrize("garbage", ["abc", "-1", "1.5", "", "1_0", "%D9%A1", "1%0A", "0x10", "true"])
async def test_a_position_that_is_no_number_is_a_400(operator, alice, garbage):
    flight = await operator.flight()
    for path in queries(flight, (await alice.book(flight)).made()):
        (await alice.get(f"{path}?min_position={garbage}")).refused(400)


async def test_a_position_no_log_will_ever_reach_is_no_500(alice):
    for number in (2**63, 2**64, 10**40):
        answer = await alice.get(f"/flights?min_position={number}")
        assert answer.status in (400, 503)
