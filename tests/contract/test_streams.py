"""Event streams: every event once, also after a disconnect at any place."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from tests.contract.client import V1
from tests.contract.people import OLGA, mint
from tests.contract.samples import at

CUTS = 100


class EventStream:
    """Open stream of events."""

    def __init__(self, response):
        self.response = response

    async def next(self, seconds=10):
        """Return position and body of the next event."""
        async with asyncio.timeout(seconds):
            fields = {}
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise EOFError
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "data" in fields:
                    return int(fields["id"]), json.loads(fields["data"])
                else:
                    fields = {}

    async def wait_for_end(self, seconds):
        async with asyncio.timeout(seconds):
            while await self.response.content.readany():
                pass


@asynccontextmanager
async def stream(url, token, last=None, query=""):
    headers = {"authorization": f"Bearer {token}"}
    if last is not None:
        headers["last-event-id"] = str(last)
    async with (
        aiohttp.ClientSession(read_bufsize=2**20) as session,
        session.get(f"{url}{V1}/events/stream{query}", headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        yield EventStream(response)


async def test_a_stream_sends_past_and_new_events(program, operator, alice):
    flight = await operator.create_flight()
    head = (await operator.read_head())["position"]
    async with stream(program.url, operator.token, head - 1) as events:
        position, event = await events.next()
        assert (position, event["type"]) == (head, "flight.scheduled")
        booking = (await alice.book(flight)).created()
        position, event = await events.next()
        assert (position, event["type"]) == (head + 1, "booking.initiated")
        assert event["originator_id"] == booking["id"]
    [logged] = (await operator.get(f"/events?after={head}&limit=1")).ok()["data"]
    assert event == logged


async def test_a_stream_resumed_after_disconnects_sends_every_event_once(program, operator, alice):
    flight = await operator.create_flight(seats=1000)
    start = (await operator.read_head())["position"]
    buying = [asyncio.create_task(alice.book(flight)) for _ in range(300)]
    random_, positions, last = random.Random(7), [], start
    for _ in range(CUTS):
        async with stream(program.url, operator.token, last) as events:
            for _ in range(random_.randint(0, 6)):
                last, event = await events.next()
                assert event["position"] == last
                positions.append(last)
                if len(positions) == 300:
                    break
        if len(positions) == 300:
            break
    await asyncio.gather(*buying)
    assert positions == list(range(start + 1, start + 1 + len(positions)))
    assert len(positions) > CUTS


async def test_a_stream_from_the_start_sends_every_event(program, operator, alice):
    flight = await operator.create_flight(seats=1000)
    await asyncio.gather(*(alice.book(flight) for _ in range(500)))
    head = (await operator.read_head())["position"]
    async with stream(program.url, operator.token, query="?after=0") as events:
        positions = [(await events.next())[0] for _ in range(head)]
    assert positions == list(range(1, head + 1))


async def test_a_stream_of_one_booking_sends_no_other_events(program, operator, alice, bob):
    flight = await operator.create_flight()
    mine, theirs = (await alice.book(flight)).created(), (await bob.book(flight)).created()
    async with stream(program.url, operator.token, query=f"?booking_id={mine['id']}") as events:
        assert (await events.next())[1]["type"] == "booking.initiated"
        await bob.cancel(theirs)
        await alice.cancel(mine)
        _, event = await events.next()
        assert (event["type"], event["originator_id"]) == ("booking.cancelled", mine["id"])


async def test_a_stream_ends_when_its_token_expires(program, operator):
    token = mint(sub=OLGA.sub, roles=["auditor"], exp=int(time.time()) + 2)
    async with stream(program.url, token, (await operator.read_head())["position"]) as events:
        await events.wait_for_end(5)


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 19, "1, 2"])
async def test_a_forged_last_event_id_is_refused(operator, last):
    answer = await operator.get("/events/stream", headers={"last-event-id": last})
    answer.refusal(400, "validation-failed")


async def test_a_last_event_id_beyond_the_log_is_a_503(operator):
    answer = await operator.get("/events/stream", headers={"last-event-id": str(10**9)})
    answer.refusal(503, "position-not-reached")


async def test_no_analyst_and_no_caller_without_a_token_may_follow_the_log(analyst, anonymous):
    (await analyst.get("/events/stream")).refusal(403)
    (await anonymous.get("/events/stream")).refusal(401)


async def test_the_stream_of_a_client_has_the_events_of_its_own_bookings_alone(
    program, operator, alice, bob, crowd
):
    [carol] = crowd(1)
    start = (await operator.read_head())["position"]
    flight, full = await operator.create_flight(seats=50), await operator.create_flight(seats=1)
    foreign = (await bob.book(flight)).created()
    taken = (await bob.book(full)).created()
    own = (await carol.book(flight)).created()
    waits = (await carol.join_waiting_list(full)).created()
    (await alice.join_waiting_list(full)).created()
    (await carol.pay(own)).created()
    # The operator acts for carol, and a change of the flight's times reaches her booking.
    (await operator.cancel(taken)).ok()
    (await operator.post(f"/flights/{flight['id']}/times", later_times(flight))).ok()
    (await bob.cancel(foreign)).ok()
    offered = (await carol.find_party(waits))["booking_id"]
    seen = []
    # The connection is cut after each event, and the next one resumes by Last-Event-ID.
    last = start
    while len(seen) < 7:
        async with stream(program.url, carol.token, last) as events:
            last, event = await events.next()
            seen.append(event)
    subjects = {own["id"], waits["id"], offered}
    logged = (await operator.get(f"/events?after={start}&limit=200")).ok()["data"]
    wanted = [event for event in logged if event["originator_id"] in subjects]
    assert [event["position"] for event in seen] == [event["position"] for event in wanted]
    assert {event["type"] for event in seen} == {
        "booking.initiated",
        "booking.payment_pending",
        "booking.booked",
        "booking.schedule_changed",
        "waiting.joined",
        "waiting.offered",
    }
    text = json.dumps(seen)
    for name in (bob.sub, alice.sub, foreign["id"], taken["id"]):
        assert name not in text
    async with stream(program.url, carol.token, last) as events:
        (await bob.book(flight)).created()
        (await carol.cancel(own)).ok()
        position, event = await events.next()
        assert (event["type"], event["originator_id"]) == ("booking.cancelled", own["id"])
        assert position > last


async def test_the_stream_of_a_client_resumed_at_random_has_every_own_event_once(
    program, operator, bob, crowd
):
    [carol] = crowd(1)
    flight = await operator.create_flight(seats=1000)
    start = last = (await operator.read_head())["position"]
    buying = [asyncio.create_task(caller.book(flight)) for _ in range(60) for caller in (bob, carol)]
    random_, positions = random.Random(11), []
    while len(positions) < 60:
        async with stream(program.url, carol.token, last) as events:
            for _ in range(random_.randint(0, 6)):
                last, event = await events.next()
                assert event["data"]["user_id"] == carol.sub
                positions.append(last)
                if len(positions) == 60:
                    break
    await asyncio.gather(*buying)
    logged = (await operator.get(f"/events?after={start}&limit=200")).ok()["data"]
    assert positions == [
        one["position"] for one in logged if one["type"] == "booking.initiated" and one["actor"] == carol.sub
    ]


async def test_a_client_cannot_ask_the_stream_for_anothers_booking(program, operator, alice, bob):
    booking = (await bob.book(await operator.create_flight())).created()
    answer = await alice.get(f"/events?after=0&booking_id={booking['id']}")
    assert answer.ok()["data"] == []
    head = (await operator.read_head())["position"]
    own = (await alice.book(await operator.create_flight())).created()
    async with stream(program.url, alice.token, head - 1, f"?booking_id={booking['id']}") as events:
        (await bob.cancel(booking)).ok()
        (await alice.cancel(own)).ok()
        with pytest.raises(TimeoutError):
            await events.next(seconds=2)


def later_times(flight):
    times = {name: at(flight[name]) + timedelta(hours=3) for name in ("departs_at", "arrives_at")}
    return {**{name: instant.isoformat() for name, instant in times.items()}, "reason": "late crew"}
