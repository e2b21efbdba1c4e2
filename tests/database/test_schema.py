"""Migrations run once each and in order, for any number of programs; the log is append-only."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import database.schema
from analytics.schema import migrate
from audit.verify import verify
from cli.main import main
from database.connection import connect, connect_sync
from database.schema import (
    BASELINE,
    EARLIER_TEXTS,
    FOLDER,
    VERSION,
    Migration,
    MigrationBlocked,
    SchemaMismatch,
    migrations,
    read_folder,
)
from database.scripts import split
from tests.analytics.conftest import Follow, follow, follower
from tests.desk import Desk
from tests.waiting import wait_until

__all__ = ["follow", "follower"]


def test_six_processes_migrate_an_empty_database_at_once(empty_database_url: str) -> None:
    with ProcessPoolExecutor(6, get_context("spawn")) as processes:
        results = list(processes.map(migrate, [empty_database_url] * 6))
    assert sorted(len(applied) for applied in results) == [0, 0, 0, 0, 0, len(migrations())]


def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Migration(VERSION + 1, "wrong", "create table ledger.half (); select 1 / 0")
    every = [*migrations(), wrong]
    monkeypatch.setattr(database.schema, "migrations", lambda: every)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select to_regnamespace('ledger')").fetchone() == (None,)


def test_the_folder_of_migrations_is_complete() -> None:
    assert [migration.version for migration in read_folder(FOLDER)] == list(range(1, VERSION + 1))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["0001_a.sql", "0002_b.sql", "0002_c.sql"], "0002_b.sql and 0002_c.sql have the same number"),
        (["0001_a.sql", "0003_c.sql"], "0002 is missing before 0003_c.sql"),
        (["0002_b.sql"], "0001 is missing"),
        (["0001_a.sql", "2_b.sql"], "2_b.sql: must be named like"),
        (["0001_a.sql", "0002_b.SQL"], "0002_b.SQL: must be named like"),
        (["0001_a.sql", "0002-b.sql"], "0002-b.sql: must be named like"),
    ],
)
def test_a_folder_that_would_leave_a_migration_out_is_refused(
    names: list[str], reason: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1")
    with pytest.raises(SchemaMismatch, match=reason):
        read_folder(tmp_path)


def test_a_program_with_two_migrations_of_one_number_does_not_start(
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / name).write_text("select 1")
    monkeypatch.setattr(database.schema, "FOLDER", tmp_path)
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert main(["up", "--data", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "0001_a.sql and 0001_b.sql have the same number" in line


async def test_a_migration_that_waits_for_a_reader_delays_no_command(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule(seats=1000)
    added = Migration(VERSION + 1, "column", "alter table ledger.bookings add column mine integer")
    every = [*migrations(), added]
    monkeypatch.setattr(database.schema, "migrations", lambda: every)
    monkeypatch.setattr(database.schema, "WAIT_SECONDS_MAX", 0.5)
    clock = asyncio.get_running_loop().time
    with psycopg.connect(database_url, options="-c role=seatledger_auditor") as reader:
        reader.execute("select from ledger.bookings")
        migrating = asyncio.create_task(asyncio.to_thread(migrate, database_url))
        delays = []
        while not migrating.done():
            started = clock()
            await desk.hold(flight, "alice")
            delays.append(clock() - started)
        with pytest.raises(MigrationBlocked, match=f"pid {reader.info.backend_pid} "):
            await migrating
    # The migration waits 0.2 s at a time; the rest is the time of a command on a busy machine.
    assert max(delays) < 3
    assert migrate(database_url) == [added]


def test_a_migration_waits_for_another_one_and_then_has_nothing_to_do(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty_database_url)
    monkeypatch.setattr(database.schema, "WAIT_SECONDS_MAX", 0.0)
    with ThreadPoolExecutor(1) as thread, connect_sync(empty_database_url, "test", autocommit=False) as other:
        other.execute("delete from ledger.migrations where version = %s", (VERSION,))
        other.commit()
        other.execute(f"{database.schema._LOCK}; {RECORD_NEWEST}")
        waiting = thread.submit(migrate, empty_database_url)
        with psycopg.connect(empty_database_url, autocommit=True) as observer:
            wait_until(lambda: observer.execute(WAITING).fetchall())
        other.commit()
        assert waiting.result() == []


WAITING = "select from pg_locks where not granted and relation = 'ledger.migrations'::regclass"
RECORD_NEWEST = f"""
    insert into ledger.migrations values ({VERSION}, 'newest', '{migrations()[-1].sha256}')
"""


def test_a_newer_database_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into ledger.migrations values (9999, 'future', '')")
    with pytest.raises(SchemaMismatch, match="9999"):
        migrate(database_url)


def test_a_migration_edited_afterwards_is_noticed(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("update ledger.migrations set sha256 = 'x' where version = 1")
    with pytest.raises(SchemaMismatch, match="Migration 1 was edited"):
        migrate(database_url)


def test_a_migration_that_was_applied_in_its_earlier_text_counts_as_applied(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for version, sha256 in EARLIER_TEXTS.items():
            connection.execute(
                "update ledger.migrations set sha256 = %s where version = %s", (sha256, version)
            )
    assert migrate(database_url) == []


@pytest.mark.parametrize("migration", read_folder(FOLDER)[BASELINE:], ids=lambda one: str(one.version))
def test_no_migration_adds_a_column_and_its_constraint_at_once(migration: Migration) -> None:
    """Citus refuses this for a table of a distributed schema."""
    for statement in split(migration.sql):
        assert not _COLUMN_WITH_CONSTRAINT.search(statement), "add the constraint in a statement of its own"


_COLUMN_WITH_CONSTRAINT = re.compile(
    r"add column [^;]*?\b(check *\(|unique\b|primary key|references\b)", re.IGNORECASE
)


def test_migrating_an_up_to_date_database_needs_only_the_right_to_read(database_url: str) -> None:
    with psycopg.connect(database_url, options="-c role=seatledger_writer") as connection:
        (role,) = connection.execute("select current_user").fetchone() or ("",)
    assert role == "seatledger_writer"
    assert migrate(f"{database_url} options='-c role=seatledger_writer'") == []


def test_bookings_of_the_first_releases_keep_their_holds_and_refunds(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(database.schema, "migrations", lambda: migrations()[:4])
        migrate(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(FIRST_RELEASE)
        migrate(empty_database_url)
        held = connection.execute("select user_id, held_until = expires_at from ledger.bookings order by 1")
        assert held.fetchall() == [("alice", True), ("bob", None)]
        owed = connection.execute(
            "select id = payment_id, user_id, amount, currency, reason, due_at, settled_at"
            " from ledger.refunds"
        )
        due_at = datetime(2030, 1, 1, tzinfo=UTC)
        assert owed.fetchall() == [(True, "bob", 500, "INR", "booking_cancelled", due_at, None)]


FIRST_RELEASE = """
    insert into views.bookings values
        ('01890000-0000-7000-8000-000000000001', gen_random_uuid(), 'alice', 1, 500, 'INR', 'initiated', null,
            now(), null, null, 1, now(), now()),
        ('01890000-0000-7000-8000-000000000002', gen_random_uuid(), 'bob', 1, 500, 'INR', 'cancelled',
            'requested', now(), '01890000-0000-7000-8000-000000000003', 'refund_due', 5, now(), now());
    insert into ledger.events values (1, '01890000-0000-7000-8000-000000000002', 5, 'booking.refund_due',
        '{"payment_id":"01890000-0000-7000-8000-000000000003","amount":{"amount":500,"currency":"INR"}}',
        'bob', 'cancel_booking', 2, 'key', '', '', '2030-01-01Z', '', '')
"""


async def test_a_filled_database_of_an_earlier_release_becomes_one_schema(
    desk: Desk, database_url: str, rows: Any, follow: Follow
) -> None:
    flight = await desk.schedule(seats=5)
    booking = (await desk.hold(flight, "alice")).subject_id
    await desk.pay(booking, "alice")
    await desk.cancel(booking, "alice")
    await desk.hold(flight, "bob", seats=9)
    await follow()
    before = {table: rows(f"select * from {table} order by 1") for table in KEPT}
    rows(FOUR_SCHEMAS)
    assert migrate(database_url) == [migrations()[18]]
    assert {table: rows(f"select * from {table} order by 1") for table in KEPT} == before
    assert verify(database_url, workers=1).ok
    # What an administrator added stays, and still reads the facts.
    assert rows("select count(*) from analytics.mine") == [(1,)]
    names = "select nspname from pg_namespace where nspname in ('views', 'analytics_store')"
    assert rows(names) == []
    await desk.hold(flight, "carol")
    await follow()
    assert rows("select count(*) from analytics.mine") == [(2,)]


KEPT = (
    "ledger.events",
    "ledger.bookings",
    "ledger.flights",
    "ledger.refunds",
    "ledger.analytics_bookings",
    "ledger.analytics_seat_changes",
    "ledger.facts_builds",
)
FOUR_SCHEMAS = """
    create schema views; create schema analytics; create schema analytics_store;
    alter table ledger.bookings set schema views;
    alter table ledger.flights set schema views;
    alter table ledger.refunds set schema views;
    alter table ledger.waiting set schema views;
    do $$
    declare
        moved record;
    begin
        for moved in select relname, relkind from pg_class
            where relnamespace = 'ledger'::regnamespace and relname ~ '^(facts|analytics)_' and relkind <> 'i'
        loop
            execute format('alter table ledger.%I set schema %s', moved.relname,
                case moved.relkind when 'v' then 'analytics' else 'analytics_store' end);
        end loop;
        for moved in select relname, relnamespace::regnamespace as schema, relkind from pg_class
            where relname ~ '^(facts|analytics)_' order by relkind = 'i'
        loop
            execute format('alter %s %I.%I rename to %I',
                case moved.relkind when 'i' then 'index' when 'v' then 'view' else 'table' end,
                moved.schema, moved.relname, regexp_replace(moved.relname, '^(facts|analytics)_', ''));
        end loop;
    end $$;
    create view analytics.mine as select booking_id from analytics.bookings;
    revoke usage on schema ledger from seatledger_analyst;
    alter table ledger.head drop constraint head_pkey;
    delete from ledger.migrations where version = 19
"""
"""Turns a ledger in one schema into one of the release before."""


CHANGES = [
    "update ledger.events set actor = 'mallory'",
    "delete from ledger.events",
    "truncate ledger.events",
    "update ledger.commands set status = 200",
    "delete from ledger.commands",
    "truncate ledger.commands",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_the_owner_cannot_change_the_log_by_accident(desk: Desk, rows: Any, change: str) -> None:
    await desk.schedule()
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        rows(change)


@pytest.mark.parametrize("change", [*CHANGES, "drop table ledger.events", "delete from ledger.bookings"])
async def test_the_role_of_the_program_has_no_right_to_change_the_log(
    desk: Desk, database_url: str, change: str
) -> None:
    await desk.schedule()
    connection = await connect(database_url, "test")
    async with connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(change)  # type: ignore[arg-type]


@pytest.fixture
def stranger(server_url: str) -> Iterator[str]:
    """A role that owns nothing and may create no roles."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create role stranger login password 'secret'")
        yield "stranger"
        connection.execute("drop role stranger")


def test_an_owner_without_the_writer_role_gets_instructions(
    empty_database_url: str, template: str, stranger: str
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        row = connection.execute("select current_database()").fetchone()
        connection.execute(f"alter database {row and row[0]} owner to {stranger}")
    own_url = make_conninfo(empty_database_url, user=stranger, password="secret")
    with pytest.raises(psycopg.errors.RaiseException, match="GRANT seatledger_writer TO stranger"):
        migrate(own_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(f"grant seatledger_writer to {stranger}")
        assert len(migrate(own_url)) == len(migrations())
        connection.execute(f"reassign owned by {stranger} to current_user")
        connection.execute(f"drop owned by {stranger}")
