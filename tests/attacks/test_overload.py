"""Overload: excess requests are refused at once, the others are answered, and the server recovers."""

import asyncio
import time
from contextlib import asynccontextmanager

import psycopg
import pytest

from database.readers import READERS_MAX, WAITING_MAX
from ledger import batched_reads
from ledger.writer import QUEUE_MAX
from tests.attacks.conftest import serve
from tests.contract.client import connect
from tests.contract.people import ALICE, OLGA, ApiCaller
from tests.waiting import await_until
from trials.bench.footprint import memory_bytes

MORE = 300
CLIENTS = 64
LOAD_SECONDS = 3
WAIT_SECONDS_MAX = 25
"""Less than the timeout of the test client. Speed on an idle machine is measured by `trials/bench`."""

MEMORY_BYTES_MAX = 100 * 1024**2


@pytest.fixture(scope="module")
def narrow_program():
    """Server with one worker, and so with one queue."""
    yield from serve(SEATLEDGER_WORKERS="1", SEATLEDGER_DEADLINE_SECONDS="60")


@pytest.fixture
async def narrow_api(narrow_program):
    async with connect(narrow_program) as api:
        yield api


@asynccontextmanager
async def lock(program, statement, *parameters):
    """Hold a lock of the database, taken by `statement`, until the block ends."""
    url = program.run("db-url").stdout.strip()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(statement, parameters)
        yield


async def wait_for_refusals(tasks):
    """Wait until the requests above the limit are answered; the others still wait for the lock."""
    await await_until(
        lambda: sum(task.done() for task in tasks) >= MORE, WAIT_SECONDS_MAX, f"{MORE} requests are refused"
    )


def count_refusals(answers, success):
    """Count the refusals; each must be an `overloaded` problem with Retry-After."""
    refusals = [answer for answer in answers if answer.status != success]
    for answer in refusals:
        answer.refusal(503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
    return len(refusals)


async def test_a_full_queue_refuses_at_once_and_loses_nothing(narrow_program, narrow_api):
    operator, alice = ApiCaller.of(narrow_api, OLGA), ApiCaller.of(narrow_api, ALICE)
    flights = [await operator.create_flight(seats=1000) for _ in range(4)]
    memory = memory_bytes(narrow_program.process.pid)
    async with lock(narrow_program, "select one from ledger.head for update"):
        tasks = [asyncio.create_task(alice.book(flights[n % 4])) for n in range(QUEUE_MAX + 64 + MORE)]
        await wait_for_refusals(tasks)
        assert (await alice.get("/flights?limit=1")).ok()
    assert MORE <= count_refusals(await asyncio.gather(*tasks), 201) <= MORE + 64
    sold = sum(held for held, _, _ in [await alice.count_seats(flight) for flight in flights])
    assert sold == sum(task.result().status == 201 for task in tasks)
    assert memory_bytes(narrow_program.process.pid) - memory < MEMORY_BYTES_MAX
    await wait_for_recovery(alice, flights[0])


@pytest.mark.parametrize(
    ("path", "at_once", "waiting"),
    [
        ("/flights?limit=1", READERS_MAX, WAITING_MAX),
        ("/flights/{id}", batched_reads.BATCH_MAX, batched_reads.WAITING_MAX),
    ],
)
async def test_more_readers_than_may_wait_are_refused_at_once(
    narrow_program, narrow_api, path, at_once, waiting
):
    alice = ApiCaller.of(narrow_api, ALICE)
    flight = await ApiCaller.of(narrow_api, OLGA).create_flight(seats=100)
    path = path.format(**flight)
    async with lock(narrow_program, "lock table ledger.flights in access exclusive mode"):
        tasks = [asyncio.create_task(alice.get(path)) for _ in range(at_once + waiting + MORE)]
        await wait_for_refusals(tasks)
    refused = count_refusals(await asyncio.gather(*tasks), 200)
    assert MORE <= refused <= MORE + at_once
    await wait_for_recovery(alice, flight)


async def test_four_times_the_usual_clients_get_answers_or_clean_refusals(program, api, alice, operator):
    flights = [await operator.create_flight(seats=1000) for _ in range(12)]
    await load(alice, flights, CLIENTS, 1)
    memory = memory_bytes(program.process.pid)
    answers = await load(alice, flights, 4 * CLIENTS, LOAD_SECONDS)
    for answer in answers:
        assert answer.status in (201, 409) or (answer.status == 503 and answer.headers["retry-after"])
    assert any(answer.status in (201, 409) for answer in answers)
    assert memory_bytes(program.process.pid) - memory < MEMORY_BYTES_MAX
    await wait_for_recovery(alice, await operator.create_flight())


async def load(caller, flights, clients, seconds):
    """Book with so many clients for so many seconds, each one request after another; return the answers."""
    answers, ends = [], time.monotonic() + seconds

    async def book_in_turn(number):
        while time.monotonic() < ends:
            answers.append(await caller.book(flights[number % len(flights)]))

    await asyncio.gather(*[book_in_turn(number) for number in range(clients)])
    return answers


async def wait_for_recovery(caller, flight):
    async def is_answered():
        return (await caller.book(flight)).status in (201, 409)

    await await_until(is_answered, WAIT_SECONDS_MAX, "a booking is answered again")
