"""More than it can do: what cannot be done is refused at once, the rest is done, and it recovers."""

import asyncio
import time
from contextlib import asynccontextmanager

import psycopg
import pytest

from ledger import batched_reads
from ledger.ledger import READERS_MAX, WAITING_MAX
from ledger.store import HEAD_LOCK
from ledger.writer import QUEUE_MAX
from tests.attacks.conftest import running
from tests.contract.client import connect
from tests.contract.people import ALICE, OLGA, ApiCaller
from trials.bench.footprint import memory_bytes

MORE = 300
CLIENTS = 64
LOAD_SECONDS = 3
WAIT_SECONDS_MAX = 25
"""Less than clients of the tests wait for an answer. How fast it all is on a quiet machine, bench tells."""

MEMORY_BYTES_MAX = 100 * 1024**2


@pytest.fixture(scope="module")
def narrow_program():
    """One worker, so that one queue is all there is."""
    yield from running(SEATLEDGER_WORKERS="1", SEATLEDGER_DEADLINE_SECONDS="60")


@pytest.fixture
async def narrow_api(narrow_program):
    async with connect(narrow_program) as api:
        yield api


@asynccontextmanager
async def held(program, statement, *parameters):
    """Something in the database that others wait for, until the block ends."""
    url = program.run("db-url").stdout.strip()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(statement, parameters)
        yield


async def refused_meanwhile(asked):
    """Those who are too many are answered while all the others still wait."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while sum(task.done() for task in asked) < MORE:  # noqa: ASYNC110 - of any of them
            await asyncio.sleep(0.05)


def only_clean_refusals(answers, done):
    """Each was done, or refused as overload is, with when to come back; how many were refused."""
    refused = [answer for answer in answers if answer.status != done]
    for answer in refused:
        answer.refusal(503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
    return len(refused)


async def test_a_full_queue_refuses_at_once_and_loses_nothing(narrow_program, narrow_api):
    operator, alice = ApiCaller.of(narrow_api, OLGA), ApiCaller.of(narrow_api, ALICE)
    flights = [await operator.create_flight(seats=1000) for _ in range(4)]
    memory = memory_bytes(narrow_program.process.pid)
    async with held(narrow_program, "select pg_advisory_xact_lock(%s)", HEAD_LOCK):
        asked = [asyncio.create_task(alice.book(flights[n % 4])) for n in range(QUEUE_MAX + 64 + MORE)]
        await refused_meanwhile(asked)
        assert (await alice.get("/flights?limit=1")).ok()
    assert MORE <= only_clean_refusals(await asyncio.gather(*asked), 201) <= MORE + 64
    sold = sum(held for held, _, _ in [await alice.count_seats(flight) for flight in flights])
    assert sold == sum(task.result().status == 201 for task in asked)
    assert memory_bytes(narrow_program.process.pid) - memory < MEMORY_BYTES_MAX
    await recovered(alice, flights[0])


@pytest.mark.parametrize(
    ("path", "at_once", "waiting"),
    [
        ("/flights?limit=1", READERS_MAX, WAITING_MAX),
        ("/flights/{id}", batched_reads.GROUP_MAX, batched_reads.WAITING_MAX),
    ],
)
async def test_more_readers_than_may_wait_are_refused_at_once(
    narrow_program, narrow_api, path, at_once, waiting
):
    alice = ApiCaller.of(narrow_api, ALICE)
    flight = await ApiCaller.of(narrow_api, OLGA).create_flight(seats=100)
    path = path.format(**flight)
    async with held(narrow_program, "lock table views.flights in access exclusive mode"):
        asked = [asyncio.create_task(alice.get(path)) for _ in range(at_once + waiting + MORE)]
        await refused_meanwhile(asked)
    refused = only_clean_refusals(await asyncio.gather(*asked), 200)
    # The pool opens its connections one by one, and the first group is of those few who came first.
    assert MORE <= refused <= MORE + at_once
    await recovered(alice, flight)


async def test_four_times_the_callers_get_clean_answers(program, api, alice, operator):
    flights = [await operator.create_flight(seats=1000) for _ in range(12)]
    await load(alice, flights, CLIENTS, 1)
    memory = memory_bytes(program.process.pid)
    answers = await load(alice, flights, 4 * CLIENTS, LOAD_SECONDS)
    for answer in answers:
        assert answer.status in (201, 409) or (answer.status == 503 and answer.headers["retry-after"])
    assert any(answer.status in (201, 409) for answer in answers)
    assert memory_bytes(program.process.pid) - memory < MEMORY_BYTES_MAX
    await recovered(alice, await operator.create_flight())


async def load(caller, flights, clients, seconds):
    """Answers to bookings by clients who ask again as soon as they are answered."""
    answers, ends = [], time.monotonic() + seconds

    async def ask(number):
        while time.monotonic() < ends:
            answers.append(await caller.book(flights[number % len(flights)]))

    await asyncio.gather(*[ask(number) for number in range(clients)])
    return answers


async def recovered(caller, flight):
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while (await caller.book(flight)).status not in (201, 409):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.1)
