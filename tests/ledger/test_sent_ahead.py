"""Blocks written in two halves: nothing takes effect before COMMIT."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from audit.verify import verify
from database.connection import connect
from database.pipeline import Pipeline
from domain.commands.bookings import InitiateBooking, ReduceSeats
from domain.handlers import HANDLERS
from domain.working_set import Terms
from ledger.block import Block, HandlerFailed
from ledger.store import Store
from ledger.submission import Submission, render_plain
from ledger.writer import TWO_HALVES_MIN
from tests.desk import OPERATOR, Desk

MANY = 2 * TWO_HALVES_MIN
IN_FIRST_HALF, IN_SECOND_HALF = MANY // 4, 3 * MANY // 4


@pytest.fixture
def flush(monkeypatch: pytest.MonkeyPatch) -> list[Pipeline]:
    """The pipelines that sent a first half, in order."""
    noted, leave = [], Pipeline.flush

    def note(pipeline: Pipeline) -> None:
        noted.append(pipeline)
        leave(pipeline)

    monkeypatch.setattr(Pipeline, "flush", note)
    return noted


async def amid(commands: list[Awaitable[Any]], at: dict[int, Awaitable[Any]]) -> list[Any]:
    """Submit all commands in one block, those of `at` at these places; return their outcomes in order."""
    for number in sorted(at, reverse=True):
        commands.insert(number, at[number])
    outcomes = await asyncio.gather(*commands, return_exceptions=True)
    return [outcomes[number + before] for before, number in enumerate(sorted(at))]


async def test_a_booking_in_both_halves_is_stored_as_of_the_second(
    desk: Desk, rows: Any, database_url: str, flush: list[Pipeline]
) -> None:
    flight = await desk.schedule(seats=1000)
    bookings = [(await desk.hold(flight, "alice", 3)).subject_id for _ in range(2)]
    holds: list[Awaitable[Any]] = [desk.hold(flight, f"user-{n}") for n in range(MANY)]
    flush.clear()
    touched = {
        IN_FIRST_HALF: desk.submit(ReduceSeats(bookings[0], 1), "alice"),  # type: ignore[arg-type]
        MANY - 1: desk.cancel(bookings[0], "alice"),
        MANY: desk.pay(bookings[1], "alice", 3),
    }
    assert [answer.status for answer in await amid(holds, touched)] == [200] * 3
    assert len(rows("select count(*) from ledger.events where position > 3 group by xmin")) == 1
    assert len(flush) == 4, "lock, load, the first half, the rest"
    shown = "select seats, status from ledger.bookings where user_id = 'alice' order by id"
    assert rows(shown) == [(1, "cancelled"), (3, "booked")]
    assert rows("select held, booked from ledger.seats") == [(MANY, 3)]
    assert verify(database_url).ok


@pytest.mark.parametrize("at", [IN_FIRST_HALF, IN_SECOND_HALF])
async def test_a_failing_handler_rolls_back_the_first_half(
    at: int, desk: Desk, rows: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule(seats=1000)
    initiate = HANDLERS[InitiateBooking]

    def break_for_mallory(command: InitiateBooking, *others: Any) -> Any:
        booking = initiate(command, *others)
        return 1 // 0 if command.user_id == "mallory" else booking

    monkeypatch.setitem(HANDLERS, InitiateBooking, break_for_mallory)
    holds: list[Awaitable[Any]] = [desk.hold(flight, f"user-{n}") for n in range(MANY)]
    (mallorys,) = await amid(holds, {at: desk.hold(flight, "mallory")})
    assert isinstance(mallorys, HandlerFailed)
    assert rows("select held from ledger.seats") == [(MANY,)]
    assert rows("select count(*) from ledger.commands") == [(1 + MANY,)]
    assert verify(database_url).ok


@pytest.mark.parametrize("correlation_id", ["\0", "forbidden"])
@pytest.mark.parametrize("at", [IN_FIRST_HALF, IN_SECOND_HALF])
async def test_a_database_error_rolls_back_the_first_half(
    at: int, correlation_id: str, desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=1000)
    # psycopg rejects the first value before it is sent, the server rejects the second.
    rows("alter table ledger.events add constraint forbids check (correlation_id <> 'forbidden')")
    holds: list[Awaitable[Any]] = [desk.hold(flight, f"user-{n}") for n in range(MANY)]
    (poison,) = await amid(holds, {at: desk.hold(flight, "mallory", correlation_id=correlation_id)})
    assert isinstance(poison, psycopg.Error)
    assert rows("select held from ledger.seats") == [(MANY,)]
    rows("alter table ledger.events drop constraint forbids")
    assert verify(database_url).ok


async def test_a_writer_that_freezes_after_one_half_loses_the_lock_and_the_half(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=1000)
    minutes = timedelta(minutes=5)
    frozen = Store(await connect(database_url, "frozen"), Terms(minutes, minutes, minutes))
    await frozen.prepare(transaction_seconds=1)
    holds = [
        Submission(InitiateBooking(flight, f"user-{n}", 1), OPERATOR, render_plain, f"k-{n}")
        for n in range(MANY)
    ]
    block = Block(await frozen.load(holds))
    for hold in holds:
        block.decide(hold)
    frozen.send_ahead(block)
    started = asyncio.get_running_loop().time()
    assert (await desk.hold(flight, "alice")).status == 200
    assert asyncio.get_running_loop().time() - started < 3
    with pytest.raises(psycopg.OperationalError):
        await frozen.write(block)
    await frozen.close()
    assert rows("select held from ledger.seats") == [(1,)]
    assert verify(database_url).ok
