"""Killed or asked to stop under load: what was acknowledged is there after the next start."""

import asyncio
import contextlib
import json
import time

import aiohttp
import pytest

from tests.contract.client import connect
from tests.contract.people import ALICE, OLGA, Caller
from tests.contract.samples import new_key

BUYERS = 16
SEATS = 1000
ENOUGH = 100


@pytest.fixture(scope="module")
def tokens(mortal_program):
    """Tokens the program made with a secret of its own; they outlive every restart."""
    return {
        "alice": mortal_program.token(ALICE.sub, "client"),
        "operator": mortal_program.token(OLGA.sub, "operator"),
    }


class Load:
    """Buyers who book one seat after another; what each was told, and which keys are in doubt."""

    def __init__(self, alice, flight):
        self.alice = alice
        self.flight = flight
        self.told = {}
        self.in_doubt = set()
        self.enough = asyncio.Event()
        self.buyers = [asyncio.create_task(self.buy()) for _ in range(BUYERS)]

    async def buy(self):
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            while len(self.told) < SEATS - 2 * BUYERS:
                key = new_key()
                self.in_doubt.add(key)
                answer = await self.alice.book(self.flight, key=key)
                if answer.status != 201:
                    return
                self.in_doubt.discard(key)
                self.told[key] = answer.body
                if len(self.told) >= ENOUGH:
                    self.enough.set()

    async def well_under_way(self):
        await asyncio.wait_for(self.enough.wait(), 20)

    async def over(self):
        await asyncio.wait_for(asyncio.gather(*self.buyers), 15)


async def nothing_was_lost(program, tokens, load):
    """Every seat told of is there, and a doubtful one repeated with its key is sold exactly once."""
    async with connect(program.url) as api:
        alice = Caller(api, ALICE.sub, tokens["alice"])
        for key, booking in load.told.items():
            assert (await alice.booking(booking)).done() == booking, key
        settled = {(await alice.book(load.flight, key=key)).made()["id"] for key in load.in_doubt}
        everything = {booking["id"] for booking in load.told.values()} | settled
        assert len(everything) == len(load.told) + len(load.in_doubt)
        assert await alice.seats(load.flight) == (len(everything), 0, SEATS - len(everything))
        key, booking = next(iter(load.told.items()))
        again = await alice.book(load.flight, key=key)
        assert (again.made(), again.replayed) == (booking, True)


def verified(program):
    ended = program.run("verify", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


async def test_every_acknowledged_booking_outlives_a_kill(mortal_program, tokens):
    async with connect(mortal_program.url) as api:
        flight = await Caller(api, OLGA.sub, tokens["operator"]).flight(seats=SEATS)
        load = Load(Caller(api, ALICE.sub, tokens["alice"]), flight)
        await load.well_under_way()
        mortal_program.kill()
        await load.over()
    mortal_program.start()
    await nothing_was_lost(mortal_program, tokens, load)
    assert verified(mortal_program)["ok"] is True


async def test_a_charge_is_kept_over_a_restart(mortal_program, tokens):
    key = new_key()
    async with connect(mortal_program.url) as api:
        flight = await Caller(api, OLGA.sub, tokens["operator"]).flight()
        alice = Caller(api, ALICE.sub, tokens["alice"])
        booking = (await alice.book(flight)).made()
        paid = await alice.pay(booking, key=key)
        mortal_program.kill()
    mortal_program.start()
    async with connect(mortal_program.url) as api:
        alice = Caller(api, ALICE.sub, tokens["alice"])
        again = await alice.pay(booking, key=key)
        assert (again.made(), again.replayed) == (paid.made(), True)
        assert len(await alice.history(booking)) == 3


async def test_a_polite_stop_answers_those_in_flight_and_keeps_everything(mortal_program, tokens):
    async with connect(mortal_program.url) as api:
        flight = await Caller(api, OLGA.sub, tokens["operator"]).flight(seats=SEATS)
        alice = Caller(api, ALICE.sub, tokens["alice"])
        patient = f"/flights/{flight['id']}?min_position={10**9}"
        in_flight = [asyncio.create_task(alice.get(patient)) for _ in range(4)]
        load = Load(alice, flight)
        await load.well_under_way()
        assert await asyncio.to_thread(mortal_program.stop) == 0
        assert {answer.status for answer in await asyncio.gather(*in_flight)} <= {200, 503}
        await load.over()
    stopped = verified(mortal_program)
    assert (stopped["ok"], stopped["first_bad_position"]) == (True, None)
    mortal_program.start()
    await nothing_was_lost(mortal_program, tokens, load)


PASSENGERS = 300
KILL_AFTER_SECONDS = (0.01, 0.03, 0.06)


async def test_a_flight_is_cancelled_once_though_the_server_is_killed_three_times(mortal_program, tokens):
    key = new_key()
    async with connect(mortal_program.url) as api:
        operator, alice = Caller(api, OLGA.sub, tokens["operator"]), Caller(api, ALICE.sub, tokens["alice"])
        flight = await operator.flight(seats=PASSENGERS)
        made = await asyncio.gather(*(alice.book(flight) for _ in range(PASSENGERS)))
        paid = await asyncio.gather(*(alice.pay(answer.made()) for answer in made[::2]))
        assert {answer.status for answer in paid} == {201}
    for seconds in KILL_AFTER_SECONDS:
        async with connect(mortal_program.url) as api:
            operator = Caller(api, OLGA.sub, tokens["operator"])
            cancelling = asyncio.create_task(operator.cancel_flight(flight, key=key))
            await asyncio.sleep(seconds)
            mortal_program.kill()
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await cancelling
        mortal_program.start()
    async with connect(mortal_program.url) as api:
        operator = Caller(api, OLGA.sub, tokens["operator"])
        assert (await operator.cancel_flight(flight, key=key)).done()["status"] == "cancelled"
        events = await every_event(operator, flight)
        ended = [event for event in events if event["type"] == "booking.cancelled"]
        owed = [event for event in events if event["type"] == "booking.refund_due"]
        assert len(ended) == len({event["originator_id"] for event in ended}) == PASSENGERS
        assert len(owed) == len({event["originator_id"] for event in owed}) == PASSENGERS // 2
        assert await operator.seats(flight) == (0, 0, PASSENGERS)
    assert verified(mortal_program)["ok"] is True


async def every_event(operator, flight):
    events, after = [], 0
    while page := (await operator.get(f"/events?flight_id={flight['id']}&after={after}&limit=200")).done():
        events += page["data"]
        if page["next_cursor"] is None:
            return events
        after = page["data"][-1]["position"]
    raise AssertionError("a page is never empty of everything")


async def test_open_streams_hold_up_no_stop(mortal_program, tokens):
    async with aiohttp.ClientSession() as session:
        headers = {"authorization": f"Bearer {tokens['operator']}"}
        url = f"{mortal_program.url}/api/v1/events/stream"
        streams = [await session.get(url, headers=headers) for _ in range(8)]
        for one in streams:
            assert (await one.content.readline()) == b"retry: 1000\n"
        started = time.monotonic()
        assert await asyncio.to_thread(mortal_program.stop) == 0
        assert time.monotonic() - started < 7  # when it kills what has not ended
        for one in streams:
            await one.read()
    mortal_program.start()
