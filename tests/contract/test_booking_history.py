"""History: every event once, in order, and every past state of a booking can be asked for again."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.contract.samples import EVENT_FIELDS, an_unknown_id, at, new_key, query


async def a_life(operator, alice):
    """A booking made, paid and cancelled, with the answer to each command."""
    made = await alice.book(await operator.flight(), seats=2)
    await asyncio.sleep(0.01)
    paid = await alice.pay(made.made())
    await asyncio.sleep(0.01)
    cancelled = await alice.cancel(made.body)
    return made, paid, cancelled


async def test_a_history_tells_every_event_in_version_order(operator, alice):
    made, paid, cancelled = await a_life(operator, alice)
    answer = await alice.get(f"/bookings/{made.body['id']}/history")
    assert answer.done().keys() == {"booking_id", "events"}
    assert answer.body["booking_id"] == made.body["id"]
    events = answer.body["events"]
    assert all(event.keys() == EVENT_FIELDS for event in events)
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    states = [event["status_after"] for event in events]
    assert states[:3] == ["initiated", "pending", "booked"]
    assert set(states[3:]) == {"cancelled"}
    positions = [event["position"] for event in events]
    assert positions == sorted(set(positions))
    assert positions[0] <= made.position < positions[1]
    assert positions[2] <= paid.position < positions[3]
    assert positions[-1] <= cancelled.position
    times = [at(event["recorded_at"]) for event in events]
    assert times == sorted(times)
    assert len({event["hash"] for event in events}) == len(events)
    assert all(isinstance(event["type"], str) and isinstance(event["data"], dict) for event in events)


async def test_an_event_names_who_did_it_and_why(operator, alice):
    booking = (await alice.book(await operator.flight())).made()
    key = new_key()
    (await alice.pay(booking, key=key)).made()
    (await operator.cancel(booking)).done()
    initiated, pending, booked, *ended = await alice.history(booking)
    assert (pending["causation_id"], booked["causation_id"]) == (key, key)
    assert pending["correlation_id"] == booked["correlation_id"] != initiated["correlation_id"]
    assert all(alice.sub in json.dumps(event["actor"]) for event in (initiated, pending, booked))
    assert all(operator.sub in json.dumps(event["actor"]) for event in ended)


async def test_a_version_is_the_answer_given_at_the_time(operator, alice):
    made, paid, cancelled = await a_life(operator, alice)
    for then in (made.body, paid.body["booking"], cancelled.body):
        assert (await alice.booking(then, f"?version={then['version']}")).done() == then
    pending = (await alice.booking(made.body, "?version=2")).done()
    assert (pending["status"], pending["version"]) == ("pending", 2)


async def test_a_position_is_the_state_the_log_had_reached(operator, alice):
    made, paid, cancelled = await a_life(operator, alice)
    for answer, then in ((made, made.body), (paid, paid.body["booking"]), (cancelled, cancelled.body)):
        assert (await alice.booking(then, f"?position={answer.position}")).done() == then
    initiated, pending, *_ = await alice.history(made.body)
    between = await alice.booking(made.body, f"?position={pending['position']}")
    assert between.done()["status"] == "pending"
    (await alice.booking(made.body, f"?position={initiated['position'] - 1}")).refused(404)


async def test_a_moment_is_the_state_of_that_moment(operator, alice):
    made, paid, cancelled = await a_life(operator, alice)
    for then in (made.body, paid.body["booking"], cancelled.body):
        moment = query(as_of=then["updated_at"])
        assert (await alice.booking(then, moment)).done() == then
    before = at(made.body["created_at"]) - timedelta(seconds=1)
    (await alice.booking(made.body, query(as_of=before.isoformat()))).refused(404)


async def test_an_auditor_reads_the_same_history(operator, alice, auditor):
    booking = (await alice.book(await operator.flight())).made()
    assert await auditor.history(booking) == await alice.history(booking)
    assert (await auditor.booking(booking)).done() == booking
    assert (await operator.booking(booking)).done() == booking


@pytest.mark.parametrize(
    "nonsense",
    [
        "version=abc",
        "version=-1",
        "version=1.0",
        "version=1_0",
        "version=%D9%A1",
        "version=",
        "version=1%0A",
        "position=abc",
        "position=-1",
        "as_of=yesterday",
        "as_of=2031-05-01",
        "as_of=2031-05-01T10:00:00",
        "as_of=",
    ],
)
async def test_a_past_that_makes_no_sense_is_a_400(operator, alice, nonsense):
    booking = (await alice.book(await operator.flight())).made()
    (await alice.booking(booking, f"?{nonsense}")).refused(400)


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 2**64, 10**30])
async def test_a_past_that_never_was_is_no_500(operator, alice, number):
    booking = (await alice.book(await operator.flight())).made()
    assert (await alice.booking(booking, f"?version={number}")).status in (400, 404)
    assert (await alice.booking(booking, f"?position={number}")).status in (200, 400, 404)


async def test_nothing_has_no_history(alice):
    (await alice.get(f"/bookings/{an_unknown_id()}/history")).refused(404)


async def test_a_refusal_leaves_no_event(operator, alice):
    booking = (await alice.book(await operator.flight())).made()
    (await alice.pay(booking, {"amount": 1, "currency": "INR"})).refused(409, "price-mismatch")
    (await alice.cancel(booking, headers={"If-Match": '"v7"'})).refused(412)
    assert len(await alice.history(booking)) == 1
