"""Moving a ledger to another database: complete, verified, and repaired after a kill."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics.schema import migrate
from audit.verify import verify
from cli import ledger_move
from cli.ledger_move import move_ledger
from database import registry
from database.connection import connect_sync
from database.registry import RegistryError
from database.replication import CopyFailed, LedgerCopy
from database.sealing import NotSealed, seal, sealed_name
from ledger.ledger import Ledger
from ledger.submission import Unavailable
from runtime.settings import Settings
from tests.desk import Desk

LEFT_BEHIND = """
    select 'slot ' || slot_name from pg_replication_slots where database = current_database()
    union all select 'publication ' || pubname from pg_publication
    union all select 'subscription ' || subname from pg_subscription
        where subdbid = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture
def far_url(
    server: psycopg.Connection, server_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty database to move to, which the variable FAR_URL names."""
    name = f"far_of_{psycopg.conninfo.conninfo_to_dict(database_url)['dbname']}"
    server.execute(f"create database {name}".encode())
    url = make_conninfo(server_url, dbname=name)
    monkeypatch.setenv("FAR_URL", url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    yield url
    server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
async def desk(database_url: str, far_url: str) -> AsyncIterator[Desk]:
    """The ledger `ai` in the database of the deployment."""
    with connect_sync(database_url, "test", autocommit=False) as connection:
        entry = registry.begin_entry(connection, "ai", ["AI"], None)
        migrate(registry.url_of(entry, database_url))
        registry.add_entry(connection, entry)
    ledger = Ledger(url_of_ai(database_url), Settings(deadline_seconds=2))
    await ledger.open()
    yield Desk(ledger)
    await ledger.close()


def url_of_ai(database_url: str) -> str:
    """Return the connection string of the ledger, wherever it is now."""
    with connect_sync(database_url, "test") as connection:
        return registry.url_of(registry.find_entry(registry.read_sync(connection), "ai"), database_url)


async def run_move(
    database_url: str, name: str = "ai", to: str = "FAR_URL", said: list[str] | None = None
) -> ledger_move.Move:
    return await asyncio.to_thread(
        move_ledger, database_url, name, to, (said if said is not None else []).append
    )


def left_behind(*urls: str) -> list[Any]:
    found = []
    for url in urls:
        with psycopg.connect(url) as connection:
            found += connection.execute(LEFT_BEHIND).fetchall()  # type: ignore[arg-type]
    return found


async def test_a_moved_ledger_goes_on_where_it_is_now(desk: Desk, database_url: str, far_url: str) -> None:
    flight = await desk.schedule()
    held = (await desk.hold(flight, "alice", key="hold-1")).subject_id
    old_url = url_of_ai(database_url)
    moved = await run_move(database_url)
    assert (moved.ok, moved.events, moved.ledger) == (True, 2, "ai")
    assert moved.paused_seconds < ledger_move.PAUSE_SECONDS_MAX
    new_url = url_of_ai(database_url)
    assert make_conninfo(new_url, options="") == make_conninfo(far_url, options="")
    assert left_behind(database_url, far_url) == []

    with pytest.raises(Unavailable):
        await desk.hold(flight, "bob")
    with pytest.raises(Unavailable):
        async with desk.ledger.read() as connection:
            await connection.execute("select from bookings")
    with connect_sync(old_url, "test") as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("select from events")

    there = Ledger(new_url, Settings())
    await there.open()
    try:
        assert (await Desk(there).hold(flight, "alice", key="hold-1")).replayed
        assert (await Desk(there).pay(held, "alice", key="pay-1")).status == 200
    finally:
        await there.close()
    assert verify(new_url).checked == 4
    with connect_sync(new_url, "test") as connection:
        assert connection.execute("select count(*) from analytics_bookings").fetchone() == (1,)


async def test_a_ledger_moves_back(desk: Desk, database_url: str) -> None:
    await desk.schedule()
    first = await run_move(database_url)
    second = await run_move(database_url, to="DATABASE_URL")
    assert (second.ok, second.events) == (True, 1)
    assert make_conninfo(url_of_ai(database_url), options="") == make_conninfo(database_url, options="")
    with connect_sync(database_url, "test") as connection:
        schemas = connection.execute("select nspname from pg_namespace where nspname ~ '^ledger_ai'")
        assert sorted(name for (name,) in schemas.fetchall()) == ["ledger_ai", first.sealed]


async def test_a_wrong_copy_is_not_used(
    desk: Desk, database_url: str, far_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    follow = ledger_move._follow

    async def follow_and_tamper(url: str, upto: int) -> None:
        await follow(url, upto)
        with connect_sync(url, "test") as connection:
            connection.execute("update seats set booked = 1")

    monkeypatch.setattr(ledger_move, "_follow", follow_and_tamper)
    with pytest.raises(CopyFailed, match="on the other server"):
        await run_move(database_url)
    assert left_behind(database_url, far_url) == []
    assert (await desk.hold(flight, "alice")).status == 200


async def test_a_log_that_grew_elsewhere_is_not_used(
    desk: Desk, database_url: str, far_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    monkeypatch.setattr(ledger_move, "last_event", lambda connection: (1, os.urandom(32)))
    with pytest.raises(CopyFailed, match="another hash"):
        await run_move(database_url)
    assert left_behind(database_url, far_url) == []
    # The failure came after the ledger was sealed, so it was brought back into use.
    assert (await desk.hold(flight, "alice")).status == 200
    monkeypatch.undo()
    with connect_sync(database_url, "test") as connection:
        entries = registry.read_sync(connection)
    assert not registry.find_entry(entries, "ai").is_paused


async def test_a_lock_of_another_session_leaves_the_ledger_in_use(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    monkeypatch.setattr("database.sealing.LOCK_SECONDS_MAX", 0.2)
    with connect_sync(url_of_ai(database_url), "test") as connection, connection.transaction():
        connection.execute("lock table flights in row exclusive mode")
        with pytest.raises(NotSealed):
            await run_move(database_url)
    assert (await desk.hold(flight, "alice")).status == 200


async def test_a_move_that_was_killed_is_repaired_by_the_next(
    desk: Desk, database_url: str, far_url: str
) -> None:
    flight = await desk.schedule()
    source_url = url_of_ai(database_url)
    far_ai = make_conninfo(far_url, options="-csearch_path=ledger_ai")
    migrate(far_ai)
    with connect_sync(source_url, "test") as source, connect_sync(far_ai, "test") as target:
        copy = LedgerCopy(source, target, source_url)
        copy.mark_target()
        copy.start()
        seal(source, sealed_name(source))  # and now it is killed
    with pytest.raises(Unavailable):
        await desk.hold(flight, "alice")
    said: list[str] = []
    moved = await run_move(database_url, said=said)
    assert "brought back into use" in said[0]
    assert (moved.ok, moved.events) == (True, 1)
    assert left_behind(database_url, far_url) == []


async def test_a_killed_program_leaves_a_ledger_that_moves(
    desk: Desk, database_url: str, far_url: str, checkout: Path
) -> None:
    await desk.schedule()
    command = [sys.executable, "-m", "cli.main", "ledgers", "move", "ai", "--to", "FAR_URL"]
    moving = await asyncio.create_subprocess_exec(*command, cwd=checkout, stderr=asyncio.subprocess.PIPE)
    assert moving.stderr
    assert b"copied" in await moving.stderr.readline()
    moving.kill()
    await moving.wait()
    assert (await run_move(database_url)).ok
    assert left_behind(database_url, far_url) == []


@pytest.mark.parametrize(
    ("name", "to", "reason"),
    [
        ("main", "FAR_URL", "main is where DATABASE_URL says"),
        ("xx", "FAR_URL", "there is no ledger 'xx'"),
        ("ai", "NOT_SET", "NOT_SET is not set"),
    ],
)
async def test_a_move_that_cannot_be_changes_nothing(
    desk: Desk, database_url: str, name: str, to: str, reason: str
) -> None:
    with pytest.raises(RegistryError, match=reason):
        await run_move(database_url, name, to)


async def test_a_ledger_moves_to_another_database_only(desk: Desk, database_url: str) -> None:
    with pytest.raises(CopyFailed, match="already"):
        await run_move(database_url, to="DATABASE_URL")


async def test_a_schema_of_that_name_is_not_overwritten(desk: Desk, database_url: str, far_url: str) -> None:
    with psycopg.connect(far_url) as connection:
        connection.execute("create schema ledger_ai create table precious (one int)")
    with pytest.raises(CopyFailed, match="rename it or drop it"):
        await run_move(database_url)
    with psycopg.connect(far_url) as connection:
        connection.execute("select from ledger_ai.precious")


async def test_the_command_prints_the_result(
    desk: Desk, database_url: str, far_url: str, checkout: Path
) -> None:
    await desk.schedule()
    command = [sys.executable, "-m", "cli.main", "ledgers", "move", "ai", "--to", "FAR_URL", "--json"]
    pipe = asyncio.subprocess.PIPE
    done = await asyncio.create_subprocess_exec(*command, cwd=checkout, stdout=pipe, stderr=pipe)
    out, err = await done.communicate()
    assert (done.returncode, msgspec.json.decode(out)["events"]) == (0, 1)
    assert b"is in use on the other server" in err
