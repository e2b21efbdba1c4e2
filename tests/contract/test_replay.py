"""`history`, `replay` and `show`: what auditors see at a terminal is what the API shows."""

from __future__ import annotations

import json

import pytest

from tests.contract.samples import unknown_id


@pytest.fixture
async def cancelled(operator, alice):
    """Booked, and then cancelled: four versions of Alice's booking, a refund due after the last."""
    booking = await alice.book_and_pay(await operator.create_flight())
    (await alice.cancel(booking)).ok()
    return booking


async def test_a_timeline_tells_who_did_what_and_what_it_left_behind(program, alice, cancelled):
    told = program.run("history", cancelled["id"], "--json")
    assert told.returncode == 0, told.stderr
    events = json.loads(told.stdout)
    shown = await alice.read_history(cancelled)
    for event, step in zip(shown, events, strict=True):
        assert {name: step[name] for name in event} == event
    assert [step["status_after"] for step in events] == [
        "initiated",
        "pending",
        "booked",
        "cancelled",
        "cancelled",
    ]
    assert {step["actor"] for step in events} == {alice.sub}
    assert [step["operation"] for step in events][::2] == [
        "initiate_booking",
        "pay_booking",
        "cancel_booking",
    ]
    for_people = program.run("history", cancelled["id"])
    assert for_people.returncode == 0
    assert all(f"{step['type']} -> {step['status_after']}" in for_people.stdout for step in events)


async def test_a_replay_up_to_a_version_is_the_state_then(program, alice, cancelled):
    for version in (1, 3, 5):  # each of them starts a program
        told = program.run("replay", cancelled["id"], "--to", str(version), "--json")
        assert json.loads(told.stdout) == (await alice.find_booking(cancelled, f"?version={version}")).ok()
    assert program.run("replay", cancelled["id"], "--to", "6").returncode == 1
    assert program.run("replay", cancelled["id"], "--to", "0").returncode == 1
    last = json.loads(program.run("replay", cancelled["id"]).stdout)
    assert last == (await alice.find_booking(cancelled)).ok()


async def test_what_it_was_at_any_time_is_shown(program, alice, cancelled):
    events = await alice.read_history(cancelled)
    for event in events[::2]:
        then = (await alice.find_booking(cancelled, f"?position={event['position']}")).ok()
        told = program.run("show", cancelled["id"], "--position", str(event["position"]), "--json")
        assert json.loads(told.stdout) == then
    held = program.run("show", cancelled["id"], "--as-of", events[0]["recorded_at"], "--json")
    assert json.loads(held.stdout)["status"] == "initiated"
    before = program.run("show", cancelled["id"], "--as-of", "2020-01-01T00:00:00Z")
    assert (before.returncode, before.stdout) == (1, "")


async def test_flights_are_shown_as_well(program, operator):
    flight = await operator.create_flight()
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 7})).ok()
    assert json.loads(program.run("replay", flight["id"], "--json").stdout)["seats"] == 7
    assert json.loads(program.run("replay", flight["id"], "--to", "1", "--json").stdout) == flight


@pytest.mark.parametrize("arguments", [["history"], ["replay"], ["show", "--as-of", "2031-01-01T00:00:00Z"]])
def test_what_the_log_does_not_know_is_told(program, arguments):
    told = program.run(arguments[0], unknown_id(), *arguments[1:])
    assert (told.returncode, told.stdout) == (1, "")
    assert "the log knew no" in told.stderr


@pytest.mark.parametrize(
    "arguments", [["history", "x"], ["show", "x"], ["replay"], ["show", "--as-of", "noon"]]
)
def test_what_is_wrongly_asked_is_a_matter_of_usage(program, arguments):
    assert program.run(*arguments).returncode == 2
