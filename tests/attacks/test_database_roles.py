"""Sessions of roles that may not write: no lock, snapshot or flood of theirs delays a command by a second."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics.schema import migrate
from tests.desk import Desk

Rows = Callable[..., list[Any]]

DELAY_SECONDS_MAX = 1.0
FLOOD = 4_000
"""Notifications of 7.9 kB in one transaction."""

MODES = (
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)
STRENGTHS = ("key share", "share", "no key update", "update")


@pytest.fixture(scope="module", params=["seatledger_analyst", "seatledger_auditor", None])
def mallory(request: pytest.FixtureRequest, server_url: str, template: str) -> Iterator[str]:
    """A login with this role, or with no role at all."""
    member = f"in role {request.param}" if request.param else ""
    with psycopg.connect(server_url, autocommit=True) as owner:
        owner.execute(f"create role mallory login password 'secret' {member}".encode())
        yield "mallory"
        owner.execute("drop role mallory")


@pytest.fixture
def login(mallory: str, database_url: str) -> str:
    """The login's connection string to a migrated database."""
    # A copy of a database lacks the rights of the original on the database itself; migrating restores them.
    migrate(database_url)
    return make_conninfo(database_url, user=mallory, password="secret")


async def command_seconds(desk: Desk, flight: Any) -> float:
    """Book three times, and return the seconds that the fastest booking took. A kept lock delays all."""
    clock = asyncio.get_running_loop().time
    seconds = []
    for _ in range(3):
        started = clock()
        assert (await desk.hold(flight, "alice")).status == 200
        seconds.append(clock() - started)
    return min(seconds)


def attempt(session: psycopg.Connection[Any], statement: str) -> bool:
    """Run a statement of the attacker in its open transaction. Return whether it was permitted."""
    # Begins the transaction, so that the statement runs in a savepoint, and its locks stay.
    session.execute("select 1")
    try:
        with session.transaction():
            session.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


async def test_advisory_locks_delay_no_command(desk: Desk, login: str) -> None:
    flight = await desk.schedule()
    with psycopg.connect(login) as session:
        for key in (0x5EA7_0001, 0x5EA7_0002, 1, 2**63 - 1):
            for name in ("pg_advisory_lock", "pg_advisory_xact_lock", "pg_advisory_lock_shared"):
                attempt(session, f"select {name}({key})")
        attempt(session, "select pg_advisory_lock(x'5ea7'::int, hashtext('expire_holds'))")
        assert await command_seconds(desk, flight) < DELAY_SECONDS_MAX


async def test_not_even_the_writer_may_take_an_advisory_lock(rows: Rows, database_url: str) -> None:
    migrate(database_url)
    granted = """
        select proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace
            and proname like '%advisory%' and has_function_privilege('seatledger_writer', oid, 'execute')
    """
    assert rows(granted) == []


async def test_table_locks_in_every_mode_delay_no_command(desk: Desk, login: str, rows: Rows) -> None:
    flight = await desk.schedule()
    relations = rows(f"select oid::regclass::text from pg_class where relkind in ('r', 'v') {WITHIN}")
    with psycopg.connect(login) as session:
        permitted = [
            (name, mode)
            for (name,) in relations
            for mode in MODES
            if attempt(session, f"lock table {name} in {mode} mode")
        ]
        assert {mode for _, mode in permitted} <= {"access share"}
        assert await command_seconds(desk, flight) < DELAY_SECONDS_MAX


async def test_row_locks_are_refused(desk: Desk, login: str, rows: Rows) -> None:
    flight = await desk.schedule()
    relations = rows(f"select oid::regclass::text from pg_class where relkind in ('r', 'v') {WITHIN}")
    with psycopg.connect(login) as session:
        permitted = [
            (name, strength)
            for (name,) in relations
            for strength in STRENGTHS
            if attempt(session, f"select from {name} for {strength}")
        ]
        assert permitted == []
        assert await command_seconds(desk, flight) < DELAY_SECONDS_MAX


WITHIN = "and relnamespace = 'ledger'::regnamespace"


def test_no_reading_role_may_store_anything_or_read_the_lock(login: str) -> None:
    with psycopg.connect(login) as session:
        assert [statement for statement in FORBIDDEN if attempt(session, statement)] == []


FORBIDDEN = (
    "create temporary table mine ()",
    "create temporary view mine as select 1",
    "create table public.mine ()",
    "create schema mine",
    "select lo_create(0)",
    "select lo_creat(-1)",
    "select lo_from_bytea(0, 'x')",
    "select lo_put(1, 0, 'x')",
    "select lo_unlink(1)",
    "select pg_logical_emit_message(true, 'a', 'b')",
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock_shared(1, 1)",
    "select from ledger.head",
    "select from ledger.jobs",
)


async def test_a_long_snapshot_delays_no_command(desk: Desk, login: str, rows: Rows) -> None:
    flight = await desk.schedule(seats=1000)
    head = rows(HEAD_ROW)
    with psycopg.connect(login) as session:
        session.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        session.execute("select count(*) from pg_class")
        for _ in range(30):
            assert await command_seconds(desk, flight) < DELAY_SECONDS_MAX
    # Each new version of the row would stay as long as the snapshot, and lengthen the way to the newest.
    assert rows(HEAD_ROW) == head


HEAD_ROW = "select ctid::text, xmin::text from ledger.head"


async def test_a_flood_of_notifications_delays_no_command(desk: Desk, login: str, rows: Rows) -> None:
    flight = await desk.schedule(seats=1000)
    async with (
        await psycopg.AsyncConnection.connect(login) as listener,
        await psycopg.AsyncConnection.connect(login) as flooder,
    ):
        await listener.execute("listen seatledger")
        await listener.commit()
        await listener.execute("select 1")  # a listener in a transaction keeps the queue from shrinking
        async with frozen_in_flood(flooder, rows):
            assert await command_seconds(desk, flight) < DELAY_SECONDS_MAX


@asynccontextmanager
async def frozen_in_flood(flooder: psycopg.AsyncConnection[Any], rows: Rows) -> AsyncIterator[None]:
    """Stop the flooder's process in a COMMIT while it has the queue of notifications to itself."""
    pid = flooder.info.backend_pid
    for _ in range(20):
        await flooder.execute(
            "select count(pg_notify('seatledger', repeat('x', 7900) || n)) from generate_series(1, %s) n",
            (FLOOD,),
        )
        committing = asyncio.create_task(flooder.commit())
        await asyncio.to_thread(rows, AWAIT_QUEUE_LOCK)
        os.kill(pid, signal.SIGSTOP)
        try:
            if rows(f"select pid {QUEUE_LOCK}") == [(pid,)]:
                yield
                return
        finally:
            os.kill(pid, signal.SIGCONT)
            await committing
    pytest.fail("the flood was always over before its process was stopped")


QUEUE_LOCK = """
    from pg_locks where locktype = 'object' and database = 0 and classid = 'pg_database'::regclass
        and objid = 0 and granted
"""
AWAIT_QUEUE_LOCK = f"""
    do $$ begin
        for n in 1..20000 loop
            perform {QUEUE_LOCK};
            exit when found;
        end loop;
    end $$
"""


async def test_a_block_puts_nothing_into_the_queue_of_notifications(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute("listen seatledger")
        await desk.hold(flight, "alice")
        await listener.execute("notify seatledger, 'end'")
        received = [notification.payload async for notification in listener.notifies(stop_after=1)]
    assert received == ["end"]


async def test_a_writer_reconnects_while_a_role_keeps_all_connections(
    desk: Desk, login: str, end_sessions: Callable[[str], None]
) -> None:
    flight = await desk.schedule()
    sessions = []
    try:
        while True:
            try:
                sessions.append(psycopg.connect(login))
            except psycopg.OperationalError:
                break
        end_sessions("seatledger writer")
        assert await command_seconds(desk, flight) < DELAY_SECONDS_MAX
    finally:
        for session in sessions:
            session.close()
