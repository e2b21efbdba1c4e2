"""Commands `history`, `replay` and `show` print what the API returns."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.contract.samples import unknown_id


@pytest.fixture
async def booking(operator, alice):
    """Booking of Alice that was paid and cancelled, with a refund due."""
    paid = await alice.book_and_pay(await operator.create_flight())
    (await alice.cancel(paid)).ok()
    return paid


async def test_history_prints_actor_operation_and_state_of_every_event(program, alice, booking):
    ended = program.run("history", booking["id"], "--json")
    assert ended.returncode == 0, ended.stderr
    events = json.loads(ended.stdout)
    listed = await alice.read_history(booking)
    for event, step in zip(listed, events, strict=True):
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
    as_text = program.run("history", booking["id"])
    assert as_text.returncode == 0
    assert all(f"{step['type']} -> {step['status_after']}" in as_text.stdout for step in events)


async def test_replay_prints_the_state_at_a_version(program, alice, booking):
    versions = ("1", "3", "5", "6", "0")
    *ended, last = await run_all(
        program,
        *(("replay", booking["id"], "--to", to, "--json") for to in versions),
        ("replay", booking["id"]),
    )
    for version, replay in zip(versions[:3], ended, strict=False):
        assert json.loads(replay.stdout) == (await alice.find_booking(booking, f"?version={version}")).ok()
    assert [replay.returncode for replay in ended] == [0, 0, 0, 1, 1]
    assert json.loads(last.stdout) == (await alice.find_booking(booking)).ok()


async def test_show_prints_the_state_at_a_position_or_a_time(program, alice, booking):
    events = await alice.read_history(booking)
    positions = [str(event["position"]) for event in events[::2]]
    *ended, held, before = await run_all(
        program,
        *(("show", booking["id"], "--position", position, "--json") for position in positions),
        ("show", booking["id"], "--as-of", events[0]["recorded_at"], "--json"),
        ("show", booking["id"], "--as-of", "2020-01-01T00:00:00Z"),
    )
    for position, show in zip(positions, ended, strict=True):
        assert json.loads(show.stdout) == (await alice.find_booking(booking, f"?position={position}")).ok()
    assert json.loads(held.stdout)["status"] == "initiated"
    assert (before.returncode, before.stdout) == (1, "")


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        (("--position", "999999999"), "has not reached position 999999999"),
        (("--as-of", "2999-01-01T00:00:00Z"), "--as-of lies in the future"),
    ],
)
def test_show_refuses_a_moment_that_the_log_has_not_reached(program, booking, moment, message):
    ended = program.run("show", booking["id"], *moment)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert message in ended.stderr


async def test_replay_prints_flights_too(program, operator):
    flight = await operator.create_flight()
    (await operator.post(f"/flights/{flight['id']}/seats", {"seats": 7})).ok()
    assert json.loads(program.run("replay", flight["id"], "--json").stdout)["seats"] == 7
    assert json.loads(program.run("replay", flight["id"], "--to", "1", "--json").stdout) == flight


@pytest.mark.parametrize("arguments", [["history"], ["replay"], ["show", "--as-of", "2020-01-01T00:00:00Z"]])
def test_an_unknown_booking_is_reported(program, arguments):
    ended = program.run(arguments[0], unknown_id(), *arguments[1:])
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "in the log then" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["history", "x"], ["show", "x"], ["replay"], ["show", "--as-of", "noon"], ["show", "--position", "0"]],
)
def test_invalid_arguments_exit_with_code_2(program, arguments):
    assert program.run(*arguments).returncode == 2


async def run_all(program, *commands):
    """Run two commands at a time, and return their results in order."""
    two_at_once = asyncio.Semaphore(2)

    async def run(command):
        async with two_at_once:
            return await asyncio.to_thread(program.run, *command)

    return await asyncio.gather(*map(run, commands))
