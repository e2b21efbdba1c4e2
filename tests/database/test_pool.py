"""Ledgers of one database share connections: each sees its own rows, and the budget is never exceeded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

import database.pool
from analytics.schema import migrate
from database import registry
from database.connection import Connection, connect_sync
from database.pool import NoConnection, Pools
from ledger.ledger import Ledger
from ledger.submission import Unavailable
from runtime.settings import Settings
from tests.desk import Desk
from tests.waiting import await_until

Rows = Callable[..., list[Any]]

NAMES = ("ai", "ba")
SESSION = "select current_setting('search_path'), current_user, (select count(*) from flights)"
BACKENDS = """
    select count(*) from pg_stat_activity
    where application_name like 'seatledger %' and datname = current_database()
"""


@pytest.fixture
def deployment(database_url: str) -> str:
    """A database with the ledgers `main`, `ai` and `ba`."""
    for name in NAMES:
        with connect_sync(database_url, "test", autocommit=False) as connection:
            entry = registry.begin_entry(connection, name, (), None)
            migrate(registry.url_of(entry, database_url))
            registry.add_entry(connection, entry)
    return database_url


Open = Callable[..., Any]


@pytest.fixture
async def opened(deployment: str) -> AsyncIterator[Open]:
    """Return a function that opens all ledgers on pools of this size."""
    with connect_sync(deployment, "test") as connection:
        entries = registry.read_sync(connection)
    async with AsyncExitStack() as stack:

        async def open_all(size: int, seconds: float = 5) -> list[Ledger]:
            pools = Pools(size)
            ledgers = []
            for entry in entries:
                url = registry.url_of(entry, deployment)
                ledger = Ledger(url, Settings(deadline_seconds=seconds), entry=entry, pools=pools)
                await ledger.open()
                stack.push_async_callback(ledger.close)
                ledgers.append(ledger)
            return ledgers

        yield open_all


async def _ask(ledger: Ledger) -> tuple[Any, ...]:
    async with ledger.read() as connection:
        return await _row(connection)


async def _row(connection: Connection) -> tuple[Any, ...]:
    row = await (await connection.execute(SESSION, prepare=True)).fetchone()
    assert row is not None
    return row


async def test_ledgers_that_alternate_on_one_connection_see_their_own_rows_by_their_own_roles(
    opened: Open, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.pool, "SETTLED_SECONDS", 0)
    main, ai, ba = await opened(4)
    for flights, ledger in enumerate((main, ai, ba)):
        for number in range(flights):
            await Desk(ledger).schedule(number=f"AI{number}")
        await ledger._writer.disconnect()
    for _ in range(10):
        assert await _ask(main) == ("ledger, pg_temp", "seatledger_writer", 0)
        assert await _ask(ai) == ("ledger_ai, pg_temp", "seatledger_ai_writer", 1)
        assert await _ask(ba) == ("ledger_ba, pg_temp", "seatledger_ba_writer", 2)
    assert main.pool.in_use == 1


async def test_a_role_of_one_ledger_reads_no_other_on_a_shared_connection(opened: Open) -> None:
    main, ai, _ = await opened(4)
    await _ask(main)
    async with ai.read() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("select from ledger.flights")


async def test_a_connection_stays_with_a_ledger_that_has_just_used_it(opened: Open) -> None:
    main, ai, _ = await opened(4)
    await _ask(main)
    await _ask(ai)
    assert main.pool.in_use == 2
    async with main.read() as first, ai.read() as second:
        assert (await _row(first))[1] == "seatledger_writer"
        assert (await _row(second))[1] == "seatledger_ai_writer"
    assert main.pool.in_use == 2


async def test_many_ledgers_in_use_at_once_keep_within_the_budget(opened: Open, rows: Rows) -> None:
    ledgers = await opened(4)
    most = 0

    async def use(ledger: Ledger) -> None:
        desk = Desk(ledger)
        flight = await desk.schedule(seats=100)
        for number in range(10):
            await asyncio.gather(desk.hold(flight, f"user{number}"), *(_ask(ledger) for _ in range(5)))

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, rows(BACKENDS)[0][0])
            assert ledgers[0].pool.in_use <= 4
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(use(ledger) for ledger in ledgers))
    assert not watching.done()
    watching.cancel()
    # A backend that was just told to end may still be listed.
    assert 3 <= most <= 4 + len(ledgers)


async def test_callers_wait_up_to_the_deadline_while_all_connections_are_busy(opened: Open) -> None:
    main, ai, _ = await opened(4, 0.2)
    async with AsyncExitStack() as busy:
        for _ in range(4):
            await busy.enter_async_context(main.read())
        with pytest.raises(Unavailable):
            await _ask(ai)
        with pytest.raises(Unavailable):
            await Desk(ai).schedule()
    assert (await _ask(ai))[1] == "seatledger_ai_writer"
    assert (await Desk(ai).schedule()) is not None


async def test_a_waiting_caller_gets_the_connection_that_another_ledger_gives_back(opened: Open) -> None:
    main, ai, _ = await opened(4)
    async with AsyncExitStack() as busy:
        for _ in range(4):
            await busy.enter_async_context(main.read())
        reading, writing = asyncio.create_task(_ask(ai)), asyncio.create_task(Desk(ai).schedule())
        await await_until(lambda: len(main.pool._waiting) == 2)
    assert (await reading)[1] == "seatledger_ai_writer"
    await writing


async def test_an_idle_writer_gives_its_connection_to_another_ledger(opened: Open) -> None:
    main, ai, ba = await opened(4)
    for ledger in (main, ai, ba):
        await Desk(ledger).schedule()
    async with AsyncExitStack() as busy:
        for _ in range(4):
            await busy.enter_async_context(ba.read())
        assert main.pool.in_use == 4
        assert [ledger._writer.idle_since for ledger in (main, ai, ba)] == [None] * 3
    await Desk(main).schedule(number="AI9")


async def test_a_caller_that_gives_up_leaves_its_place_to_the_next(opened: Open) -> None:
    main, ai, ba = await opened(4)
    async with AsyncExitStack() as busy:
        for _ in range(4):
            await busy.enter_async_context(main.read())
        impatient, patient = asyncio.create_task(_ask(ai)), asyncio.create_task(_ask(ba))
        await await_until(lambda: len(main.pool._waiting) == 2)
        impatient.cancel()
    assert (await patient)[1] == "seatledger_ba_writer"
    assert main.pool.in_use == 4


async def test_a_transaction_left_open_is_given_to_no_other_ledger(opened: Open) -> None:
    main, ai, _ = await opened(4)
    async with main.read() as connection:
        await connection.execute("begin")
    assert main.pool.in_use == 0
    assert (await _ask(ai))[1] == "seatledger_ai_writer"


async def test_idle_ledgers_hold_no_connections_and_main_keeps_one(
    opened: Open, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.pool, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(database.pool, "MAIN_IDLE_SECONDS", 0.05)
    ledgers = await opened(12)
    for ledger in ledgers:
        async with ledger.read() as first, ledger.read() as second:
            await asyncio.gather(_row(first), _row(second))
    await await_until(lambda: ledgers[0].pool.in_use == 1)
    await await_until(lambda: rows(BACKENDS) == [(1,)])
    assert [lent.schema for lent in ledgers[0].pool._idle] == ["ledger"]


async def test_a_server_that_does_not_answer_takes_no_place_for_longer_than_the_deadline() -> None:
    pool = Pools(4).of("postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(NoConnection):
        await pool.get("postgresql://127.0.0.1:1/nowhere", "ledger", 0.1)
    with pytest.raises(psycopg.OperationalError):
        await pool.get("postgresql://127.0.0.1:1/nowhere", "ledger", 5, patient=False)
    assert pool.in_use == 0
