"""Migrations: once each, in order, by any number of programs at once; what they make is append-only."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import psycopg
import pytest

from ledger.connection import connect
from ledger.schema import VERSION, SchemaMismatch, migrate
from tests.ledger.conftest import Desk


def test_six_processes_migrate_an_empty_database_at_once(empty_database_url: str) -> None:
    with ProcessPoolExecutor(6, get_context("spawn")) as processes:
        applied = list(processes.map(migrate, [empty_database_url] * 6))
    assert sorted(len(migrations) for migrations in applied) == [0, 0, 0, 0, 0, VERSION]


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


def test_a_migrated_database_is_migrated_by_anyone_who_may_read_it(database_url: str) -> None:
    with psycopg.connect(database_url, options="-c role=seatledger_writer") as connection:
        (role,) = connection.execute("select current_user").fetchone() or ("",)
    assert role == "seatledger_writer"
    assert migrate(f"{database_url} options='-c role=seatledger_writer'") == []


CHANGES = [
    "update ledger.events set actor = 'mallory'",
    "delete from ledger.events",
    "truncate ledger.events",
    "update ledger.commands set status = 200",
    "delete from ledger.commands",
    "truncate ledger.commands",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_nobody_changes_the_log_by_accident(desk: Desk, rows: Any, change: str) -> None:
    await desk.schedule()
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        rows(change)


@pytest.mark.parametrize("change", [*CHANGES, "drop table ledger.events", "delete from views.bookings"])
async def test_the_programs_role_may_not_even_try(desk: Desk, database_url: str, change: str) -> None:
    await desk.schedule()
    connection = await connect(database_url, "test")
    async with connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(change)  # type: ignore[arg-type]
