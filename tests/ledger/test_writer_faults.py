"""The writer under faults: answers are true, and nothing happens twice."""

import asyncio
import os
import signal
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
import pytest
from loguru import logger

import ledger.store
import ledger.writer
from audit.verify import verify
from database.connection import connect, connect_sync
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking
from domain.handlers import HANDLERS
from domain.refusals.payments import PriceMismatch
from domain.working_set import Terms
from ledger.block import Block, HandlerFailed
from ledger.ledger import open_ledger
from ledger.statements import HEAD_LOCK
from ledger.store import Store, open_store
from ledger.submission import Overloaded, Submission, Unavailable, render_plain
from ledger.writer import Writer
from runtime.settings import Settings
from tests.desk import OPERATOR, Desk
from tests.waiting import await_until

CUT = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'seatledger writer' and datname = current_database()
"""


async def test_a_lost_answer_to_commit_is_replayed(
    desk: Desk, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    write, lost = Store.write, []

    async def write_and_lose_the_answer(store: Store, block: Block) -> None:
        await write(store, block)
        if not lost:
            lost.append(block)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Store, "write", write_and_lose_the_answer)
    answers = await asyncio.gather(*(desk.hold(flight, f"user-{n}") for n in range(5)))
    assert lost
    assert [answer.status for answer in answers] == [200] * 5
    assert rows("select count(*) from ledger.events where topic = 'booking.initiated'") == [(5,)]


async def test_a_connection_cut_at_any_point_loses_and_doubles_nothing(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=1000)

    def holds() -> int:
        """The number of committed holds."""
        return rows("select count(*) from ledger.events where topic = 'booking.initiated'")[0][0]  # type: ignore[no-any-return]

    async def cut() -> None:
        for _ in range(20):
            before = holds()
            await await_until(lambda: holds() > before or before == 320)  # noqa: B023
            rows(CUT)

    async def buy(user: str) -> list[int]:
        return [(await desk.hold(flight, user, key=f"{user}-{n}")).status for n in range(40)]

    _, *outcomes = await asyncio.gather(cut(), *(buy(f"user-{n}") for n in range(8)))
    assert outcomes == [[200] * 40] * 8
    assert holds() == 320
    assert verify(database_url).ok


async def test_a_command_behind_a_held_lock_is_answered_at_the_deadline(database_url: str) -> None:
    async with open_ledger(database_url, Settings(deadline_seconds=0.5)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        with connect_sync(database_url, "test", autocommit=False) as holder:
            holder.execute(HEAD_LOCK)
            with pytest.raises(Unavailable):
                await desk.hold(flight, "alice", key="k-1")
        again = await desk.hold(flight, "alice", key="k-1")
        assert again.status == 200


async def test_a_frozen_writer_loses_the_lock(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    minutes = timedelta(minutes=5)
    frozen = Store(await connect(database_url, "frozen"), Terms(minutes, minutes, minutes))
    await frozen.prepare(transaction_seconds=1)
    await frozen.load([Submission(InitiateBooking(flight, "bob", 1), OPERATOR, render_plain)])
    started = asyncio.get_running_loop().time()
    assert (await desk.hold(flight, "alice")).status == 200
    assert asyncio.get_running_loop().time() - started < 3
    await frozen.close()


async def test_a_writer_reconnects_when_its_server_becomes_read_only(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule()
    name = rows("select current_database()")[0][0]
    rows(f"alter database {name} set default_transaction_read_only = on")
    rows(CUT)
    messages: list[str] = []
    sink = logger.add(lambda message: messages.append(message.record["message"]))
    holding = asyncio.create_task(desk.hold(flight, "alice"))
    await await_until(lambda: "block.retried" in messages)
    logger.remove(sink)
    assert not holding.done()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f"alter database {name} reset default_transaction_read_only")  # type: ignore[arg-type]
    assert (await holding).status == 200


async def test_a_full_queue_refuses_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    flight = await desk.schedule(seats=1000)
    monkeypatch.setattr(ledger.writer, "QUEUE_MAX", 5)
    outcomes = await asyncio.gather(*(desk.hold(flight, "alice") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 15


@pytest.mark.parametrize("wrong", [RuntimeError("a bug"), PriceMismatch()])
async def test_a_handler_that_fails_half_way_affects_no_other_command(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    flight = await desk.schedule()
    initiate = HANDLERS[InitiateBooking]

    def break_for_mallory(command: InitiateBooking, *others: Any) -> Any:
        booking = initiate(command, *others)
        if command.user_id == "mallory":
            raise wrong
        return booking

    monkeypatch.setitem(HANDLERS, InitiateBooking, break_for_mallory)
    alices, mallorys, bobs = await asyncio.gather(
        *(desk.hold(flight, user) for user in ("alice", "mallory", "bob")), return_exceptions=True
    )
    assert isinstance(mallorys, HandlerFailed)
    assert [alices.status, bobs.status] == [200, 200]  # type: ignore[union-attr]
    assert verify(database_url).ok


async def test_a_handler_without_events_records_nothing_and_releases_the_lock(
    desk: Desk, other_desk: Desk, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    monkeypatch.setitem(
        HANDLERS, InitiateBooking, lambda command, _, working: working.flight(command.flight_id)
    )
    with pytest.raises(HandlerFailed):
        await desk.hold(flight, "alice")
    assert rows("select count(*) from ledger.commands") == [(1,)]
    # An open transaction would keep the lock for two seconds.
    await asyncio.wait_for(other_desk.schedule("BA118"), 1)


async def test_an_unexpected_error_releases_the_lock(
    desk: Desk, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    with monkeypatch.context() as broken:
        broken.setattr(ledger.store, "fill", lambda working_set, rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await desk.hold(flight, "alice", key="k-1")
    # The server ends the session after the caller has its answer.
    free = "select one from ledger.head for update skip locked"
    await await_until(lambda: rows(free) == [(True,)])
    assert (await desk.hold(flight, "alice", key="k-1")).status == 200


@pytest.mark.parametrize("failure", [ZeroDivisionError("a bug"), psycopg.OperationalError("reset")])
async def test_a_connection_that_cannot_be_closed_does_not_end_the_writer(
    desk: Desk, rows: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    flight = await desk.schedule()
    close, fill, failures = Store.close, ledger.store.fill, [failure]

    async def close_badly(store: Store) -> None:
        await close(store)
        raise OSError("bad file descriptor")

    def fail_once(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        fill(*arguments)

    monkeypatch.setattr(Store, "close", close_badly)
    monkeypatch.setattr(ledger.store, "fill", fail_once)
    outcomes = await asyncio.gather(desk.hold(flight, "alice", key="k-1"), return_exceptions=True)
    assert not failures
    # The block that met a bug fails; the one that lost its connection is run again.
    if isinstance(failure, psycopg.Error):
        assert [getattr(outcome, "status", outcome) for outcome in outcomes] == [200]
    else:
        assert outcomes == [failure]
    assert (await asyncio.wait_for(desk.hold(flight, "alice", key="k-1"), 2)).status == 200


async def test_a_command_that_the_database_rejects_affects_no_other_command(
    desk: Desk, database_url: str
) -> None:
    flight = await desk.schedule()
    alices, poison, bobs = await asyncio.gather(
        desk.hold(flight, "alice"),
        # The API refuses NUL. PostgreSQL would reject the whole block for one.
        desk.hold(flight, "mallory", correlation_id="\0"),
        desk.hold(flight, "bob"),
        return_exceptions=True,
    )
    assert isinstance(poison, psycopg.Error)
    assert [alices.status, bobs.status] == [200, 200]  # type: ignore[union-attr]
    assert verify(database_url).ok


async def test_queued_commands_are_written_before_closing(database_url: str, rows: Any) -> None:
    async with open_ledger(database_url, Settings()) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule(seats=200)
        waiting = [asyncio.create_task(desk.hold(flight, "alice")) for _ in range(150)]
        while ledger.queued < len(waiting):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert [(await task).status for task in waiting] == [200] * 150
    assert rows("select held from ledger.seats") == [(150,)]
    blocks = rows("select count(*) from ledger.events where position > 1 group by xmin order by 1")
    assert blocks == [(22,), (64,), (64,)]


async def test_a_closed_ledger_refuses_at_once(database_url: str) -> None:
    async with open_ledger(database_url, Settings()) as ledger:
        desk = Desk(ledger)
    with pytest.raises(Overloaded):
        await asyncio.wait_for(desk.schedule(), 1)


async def test_a_block_is_not_retried_after_the_deadline_of_all_its_callers() -> None:
    idle = asyncio.Event()

    class Wake(asyncio.Event):
        async def wait(self) -> Literal[True]:
            idle.set()
            return await super().wait()

    async def refuse() -> Any:
        raise psycopg.OperationalError("connection refused")

    writer = Writer(refuse, Settings(deadline_seconds=0.1))
    writer._wake = Wake()
    writer.start()
    await idle.wait()
    idle.clear()
    with pytest.raises(Unavailable):
        await writer.submit(Submission(CancelBooking(UUID(int=0)), OPERATOR, render_plain))
    await asyncio.wait_for(idle.wait(), 30)
    await writer.close()


async def test_a_writer_leaves_a_frozen_server_process(database_url: str, rows: Any) -> None:
    async with open_ledger(database_url, Settings(deadline_seconds=0.5)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        ((frozen,),) = rows("select pid from pg_stat_activity where application_name = 'seatledger writer'")
        os.kill(frozen, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                await desk.hold(flight, "alice", key="k-1")
            assert (await desk.hold(flight, "alice", key="k-1")).status == 200
        finally:
            os.kill(frozen, signal.SIGCONT)


async def test_times_are_utc_whatever_the_time_zone_of_the_server(database_url: str, rows: Any) -> None:
    ((name,),) = rows("select current_database()")
    rows(f"alter database {name} set timezone = 'Asia/Kolkata'")
    connection = await connect(database_url, "test")
    async with connection:
        ((now,),) = await (await connection.execute("select now()")).fetchall()
    assert now.utcoffset() == timedelta(0)


async def test_a_session_has_limits_and_plans_by_index(database_url: str, rows: Any) -> None:
    ((name,),) = rows("select current_database()")
    rows(f"alter database {name} set synchronous_commit = off")
    store = await open_store(database_url, Settings(deadline_seconds=7))
    settings = "enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit", "plan_cache_mode"
    limits = "synchronous_commit", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"
    shown = ", ".join(f"current_setting('{name}')" for name in (*settings, *limits))
    sent = store._send(f"select {shown}")  # type: ignore[arg-type]
    await store._sync()
    (row,) = sent.rows()
    assert row == ("off", "off", "off", "off", "auto", "on", "7s", "7s", "2s")
    await store.close()


async def test_a_hold_that_cannot_be_expired_affects_only_commands_that_need_its_seats(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*anything: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setitem(HANDLERS, ExpireHold, fail)
    async with open_ledger(database_url, Settings(hold_seconds=0)) as ledger:
        desk = Desk(ledger)
        full, other = await desk.schedule(seats=1), await desk.schedule("BA118")
        await desk.hold(full, "alice")
        bobs, carols = await asyncio.gather(
            desk.hold(full, "bob"), desk.hold(other, "carol"), return_exceptions=True
        )
        assert isinstance(bobs, HandlerFailed)
        assert carols.status == 200  # type: ignore[union-attr]
