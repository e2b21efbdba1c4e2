"""History: every event once, in order, and every past state of a booking."""

import json
from datetime import timedelta

import pytest

from tests.contract.samples import EVENT_FIELDS, at, new_key, query, unknown_id


async def book_pay_and_cancel(operator, alice):
    """Make, pay and cancel a booking, and return the three answers."""
    made = await alice.book(await operator.create_flight(), seats=2)
    paid = await alice.pay(made.created())
    cancelled = await alice.cancel(made.body)
    return made, paid, cancelled


async def test_a_history_lists_every_event_in_version_order(operator, alice):
    made, paid, cancelled = await book_pay_and_cancel(operator, alice)
    answer = await alice.get(f"/bookings/{made.body['id']}/history")
    assert answer.ok().keys() == {"booking_id", "reference", "events"}
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


async def test_an_event_names_its_actor_and_its_cause(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    key = new_key()
    (await alice.pay(booking, key=key)).created()
    (await operator.cancel(booking)).ok()
    initiated, pending, booked, *ended = await alice.read_history(booking)
    assert (pending["causation_id"], booked["causation_id"]) == (key, key)
    assert pending["correlation_id"] == booked["correlation_id"] != initiated["correlation_id"]
    assert all(alice.sub in json.dumps(event["actor"]) for event in (initiated, pending, booked))
    assert all(operator.sub in json.dumps(event["actor"]) for event in ended)


async def test_a_booking_at_a_version_is_the_answer_of_that_command(operator, alice):
    made, paid, cancelled = await book_pay_and_cancel(operator, alice)
    for then in (made.body, paid.body["booking"], cancelled.body):
        assert (await alice.find_booking(then, f"?version={then['version']}")).ok() == then
    pending = (await alice.find_booking(made.body, "?version=2")).ok()
    assert (pending["status"], pending["version"]) == ("pending", 2)


async def test_a_booking_at_a_position_is_its_state_at_that_position(operator, alice):
    made, paid, cancelled = await book_pay_and_cancel(operator, alice)
    for answer, then in ((made, made.body), (paid, paid.body["booking"]), (cancelled, cancelled.body)):
        assert (await alice.find_booking(then, f"?position={answer.position}")).ok() == then
    initiated, pending, *_ = await alice.read_history(made.body)
    between = await alice.find_booking(made.body, f"?position={pending['position']}")
    assert between.ok()["status"] == "pending"
    (await alice.find_booking(made.body, f"?position={initiated['position'] - 1}")).refusal(404)


async def test_a_booking_at_a_time_is_its_state_at_that_time(operator, alice):
    made, paid, cancelled = await book_pay_and_cancel(operator, alice)
    for then in (made.body, paid.body["booking"], cancelled.body):
        moment = query(as_of=then["updated_at"])
        assert (await alice.find_booking(then, moment)).ok() == then
    before = at(made.body["created_at"]) - timedelta(seconds=1)
    (await alice.find_booking(made.body, query(as_of=before.isoformat()))).refusal(404)


async def test_auditors_and_owners_read_the_same_history(operator, alice, auditor):
    booking = (await alice.book(await operator.create_flight())).created()
    assert await auditor.read_history(booking) == await alice.read_history(booking)
    assert (await auditor.find_booking(booking)).ok() == booking
    assert (await operator.find_booking(booking)).ok() == booking


@pytest.mark.parametrize(
    "query_string",
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
async def test_an_invalid_version_position_or_time_is_a_400(operator, alice, query_string):
    booking = (await alice.book(await operator.create_flight())).created()
    (await alice.find_booking(booking, f"?{query_string}")).refusal(400)


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 2**64, 10**30])
async def test_a_version_or_position_out_of_range_is_not_a_500(operator, alice, number):
    booking = (await alice.book(await operator.create_flight())).created()
    assert (await alice.find_booking(booking, f"?version={number}")).status in (400, 404)
    assert (await alice.find_booking(booking, f"?position={number}")).status in (400, 503)


async def test_an_unknown_booking_has_no_history(alice):
    (await alice.get(f"/bookings/{unknown_id()}/history")).refusal(404)


async def test_a_refused_command_leaves_no_event(operator, alice):
    booking = (await alice.book(await operator.create_flight())).created()
    (await alice.pay(booking, {"amount": 1, "currency": "INR"})).refusal(409, "price-mismatch")
    (await alice.cancel(booking, headers={"If-Match": '"v7"'})).refusal(412)
    assert len(await alice.read_history(booking)) == 1
