"""Kills and stops under load: every acknowledged command is in the log after the next start."""

import asyncio
import contextlib
import json
import time
from functools import partial

import aiohttp
import psycopg
import pytest

from tests.contract.client import connect
from tests.contract.people import ALICE, OLGA, ApiCaller
from tests.contract.samples import new_key
from tests.waiting import await_until

BUYERS = 16
SEATS = 1000
ENOUGH = 100


@pytest.fixture(scope="module")
def tokens(mortal_program):
    """Tokens made by the program with its own secret; they stay valid over restarts."""
    return {
        "alice": mortal_program.token(ALICE.sub, "client"),
        "operator": mortal_program.token(OLGA.sub, "operator"),
    }


class BookingLoad:
    """Clients that book one seat after another. `bookings` are acknowledged, keys `in_doubt` are not."""

    def __init__(self, alice, flight):
        self.alice = alice
        self.flight = flight
        self.bookings = {}
        self.in_doubt = set()
        self.reached_enough = asyncio.Event()
        self.buyers = [asyncio.create_task(self.buy()) for _ in range(BUYERS)]

    async def buy(self):
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            while len(self.bookings) < SEATS - 2 * BUYERS:
                key = new_key()
                self.in_doubt.add(key)
                answer = await self.alice.book(self.flight, key=key)
                if answer.status != 201:
                    return
                self.in_doubt.discard(key)
                self.bookings[key] = answer.body
                if len(self.bookings) >= ENOUGH:
                    self.reached_enough.set()

    async def wait_for_enough(self):
        await asyncio.wait_for(self.reached_enough.wait(), 20)

    async def wait_for_end(self):
        await asyncio.wait_for(asyncio.gather(*self.buyers), 15)


async def check_nothing_is_lost(program, tokens, load):
    """Check that every acknowledged booking exists, and that a repeated key in doubt books exactly once."""
    async with connect(program) as api:
        alice = ApiCaller(api, ALICE.sub, tokens["alice"])
        for key, booking in load.bookings.items():
            assert (await alice.find_booking(booking)).ok() == booking, key
        repeated = {(await alice.book(load.flight, key=key)).created()["id"] for key in load.in_doubt}
        ids = {booking["id"] for booking in load.bookings.values()} | repeated
        assert len(ids) == len(load.bookings) + len(load.in_doubt)
        assert await alice.count_seats(load.flight) == (len(ids), 0, SEATS - len(ids))
        key, booking = next(iter(load.bookings.items()))
        again = await alice.book(load.flight, key=key)
        assert (again.created(), again.replayed) == (booking, True)


def run_verify(program):
    """Return the JSON report of `verify`; fail unless it exits with 0."""
    ended = program.run("verify", "--names", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


async def test_every_acknowledged_booking_survives_a_kill(mortal_program, tokens):
    async with connect(mortal_program) as api:
        flight = await ApiCaller(api, OLGA.sub, tokens["operator"]).create_flight(seats=SEATS)
        load = BookingLoad(ApiCaller(api, ALICE.sub, tokens["alice"]), flight)
        await load.wait_for_enough()
        mortal_program.kill()
        await load.wait_for_end()
    mortal_program.start()
    await check_nothing_is_lost(mortal_program, tokens, load)
    assert run_verify(mortal_program)["ok"] is True


async def test_a_repeated_payment_after_a_restart_is_replayed(mortal_program, tokens):
    key = new_key()
    async with connect(mortal_program) as api:
        flight = await ApiCaller(api, OLGA.sub, tokens["operator"]).create_flight()
        alice = ApiCaller(api, ALICE.sub, tokens["alice"])
        booking = (await alice.book(flight)).created()
        paid = await alice.pay(booking, key=key)
        mortal_program.kill()
    mortal_program.start()
    async with connect(mortal_program) as api:
        alice = ApiCaller(api, ALICE.sub, tokens["alice"])
        again = await alice.pay(booking, key=key)
        assert (again.created(), again.replayed) == (paid.created(), True)
        assert len(await alice.read_history(booking)) == 3


async def test_sigterm_answers_requests_in_flight_and_loses_nothing(mortal_program, tokens):
    async with connect(mortal_program) as api:
        flight = await ApiCaller(api, OLGA.sub, tokens["operator"]).create_flight(seats=SEATS)
        alice = ApiCaller(api, ALICE.sub, tokens["alice"])
        path = f"/flights/{flight['id']}?min_position={10**9}"
        in_flight = [asyncio.create_task(alice.get(path)) for _ in range(4)]
        load = BookingLoad(alice, flight)
        await load.wait_for_enough()
        assert await asyncio.to_thread(mortal_program.stop) == 0
        assert {answer.status for answer in await asyncio.gather(*in_flight)} <= {200, 503}
        await load.wait_for_end()
    stopped = run_verify(mortal_program)
    assert (stopped["ok"], stopped["first_bad_position"]) == (True, None)
    mortal_program.start()
    await check_nothing_is_lost(mortal_program, tokens, load)


PASSENGERS = 300
KILL_AFTER_EVENTS = (0, 1, 50)
"""Events of the cancellation in the log, at least, before each kill."""


ANSWER_SECONDS_MAX = 20.0
"""Limit on waiting for the answer of a killed server."""


async def test_a_flight_is_cancelled_once_although_the_server_is_killed_three_times(mortal_program, tokens):
    key = new_key()
    async with connect(mortal_program) as api:
        operator, alice = (
            ApiCaller(api, OLGA.sub, tokens["operator"]),
            ApiCaller(api, ALICE.sub, tokens["alice"]),
        )
        flight = await operator.create_flight(seats=PASSENGERS)
        made = await asyncio.gather(*(alice.book(flight) for _ in range(PASSENGERS)))
        paid = await asyncio.gather(*(alice.pay(answer.created()) for answer in made[::2]))
        assert {answer.status for answer in paid} == {201}
        last = await api.position()
    url = mortal_program.run("db-url").stdout.strip()
    for count in KILL_AFTER_EVENTS:
        async with connect(mortal_program) as api:
            operator = ApiCaller(api, OLGA.sub, tokens["operator"])
            cancelling = asyncio.create_task(operator.cancel_flight(flight, key=key))
            await await_until(partial(has_events, url, last + count))
            mortal_program.kill()
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.wait_for(cancelling, ANSWER_SECONDS_MAX)
        mortal_program.start()
    async with connect(mortal_program) as api:
        operator = ApiCaller(api, OLGA.sub, tokens["operator"])
        assert (await operator.cancel_flight(flight, key=key)).ok()["status"] == "cancelled"
        events = await list_events(operator, flight)
        cancelled = [event for event in events if event["type"] == "booking.cancelled"]
        refunds = [event for event in events if event["type"] == "booking.refund_due"]
        assert len(cancelled) == len({event["originator_id"] for event in cancelled}) == PASSENGERS
        assert len(refunds) == len({event["originator_id"] for event in refunds}) == PASSENGERS // 2
        assert await operator.count_seats(flight) == (0, 0, PASSENGERS)
    assert run_verify(mortal_program)["ok"] is True


async def has_events(url, count):
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(
            "select coalesce(max(position), 0) >= %s from ledger.events", (count,)
        )
        return (await cursor.fetchone())[0]


async def list_events(operator, flight):
    events, after = [], 0
    while page := (await operator.get(f"/events?flight_id={flight['id']}&after={after}&limit=200")).ok():
        events += page["data"]
        if page["next_cursor"] is None:
            return events
        after = page["data"][-1]["position"]
    raise AssertionError("the last page has no next_cursor")


async def test_open_streams_do_not_delay_a_stop(mortal_program, tokens):
    async with aiohttp.ClientSession() as session:
        headers = {"authorization": f"Bearer {tokens['operator']}"}
        url = f"{mortal_program.url}/api/v1/events/stream"
        streams = [await session.get(url, headers=headers) for _ in range(8)]
        for one in streams:
            assert (await one.content.readline()) == b"retry: 1000\n"
        started = time.monotonic()
        assert await asyncio.to_thread(mortal_program.stop) == 0
        assert time.monotonic() - started < 7  # after which `up` kills its children
        for one in streams:
            await one.read()
    mortal_program.start()
