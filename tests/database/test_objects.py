"""A database restored without its roles, grants or triggers is mended by migrating, or says what it lacks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics.schema import migrate
from api.readiness import check_readiness
from cli.main import main
from database.connection import connect_sync
from database.embedded import running_database
from database.objects import FOLDER, listed_objects, missing_objects
from database.schema import SchemaMismatch
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.desk import Desk

ROLES = "seatledger_writer, seatledger_analyst, seatledger_auditor"
FILE = FOLDER / "objects.sql"


def test_the_list_of_objects_is_that_of_a_fresh_database(database_url: str) -> None:
    with connect_sync(database_url, "test") as connection:
        assert listed_objects(connection) == FILE.read_text(), "run python -m tests.database.test_objects"


LOSSES = {
    "grants": f"revoke all on all tables in schema ledger from {ROLES};"
    f"revoke all on schema ledger from {ROLES}",
    "one grant": "revoke insert on ledger.events from seatledger_writer",
    "facts": "revoke update on ledger.facts_bookings_1 from seatledger_writer",
    "a view for analysts": "revoke select on ledger.analytics_daily_sales from seatledger_analyst",
    "a trigger": "drop trigger append_only on ledger.events",
    "a disabled trigger": "alter table ledger.commands disable trigger append_only",
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_migrating_gives_back_what_a_restore_left_out(
    loss: str, database_url: str, rows: Callable[..., Any]
) -> None:
    rows(LOSSES[loss])
    restored: list[str] = []
    assert migrate(database_url, restored.append) == []
    assert bool(restored) == (loss not in ("facts", "a view for analysts"))
    with connect_sync(database_url, "test") as connection:
        assert missing_objects(connection) == []
    ((writes, reads),) = rows(
        "select has_table_privilege('seatledger_writer', 'ledger.facts_bookings_1', 'update'),"
        " has_table_privilege('seatledger_analyst', 'ledger.analytics_daily_sales', 'select')"
    )
    assert (writes, reads) == (True, True)
    async with open_ledger(database_url, Settings()) as ledger:
        desk = Desk(ledger)
        await desk.hold(await desk.schedule(), "alice")
        assert (await check_readiness(ledger)).ok
    with pytest.raises(psycopg.errors.RestrictViolation):
        rows("truncate ledger.events")


@pytest.mark.parametrize(
    ("loss", "lacks"),
    [
        ("drop index ledger.commands_first_position", "index ledger.commands_first_position"),
        ("alter table ledger.commands drop constraint commands_pkey", "index ledger.commands_pkey"),
        ("drop table ledger.forgotten", "table ledger.forgotten"),
    ],
)
def test_an_incomplete_restore_is_named_and_not_opened(
    loss: str,
    lacks: str,
    database_url: str,
    rows: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows(loss)
    monkeypatch.setenv("DATABASE_URL", database_url)
    for command in ("migrate", "up"):
        assert main([command, "--data", str(tmp_path)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert lacks in line
        assert "not restored completely" in line


@pytest.fixture
def stranger(server_url: str, database_url: str) -> Iterator[str]:
    """The connection string of a role that owns nothing and may create nothing."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create role passer_by login password 'secret'")
        yield make_conninfo(database_url, user="passer_by", password="secret")
        connection.execute("drop role passer_by")


def test_a_role_that_does_not_own_the_tables_learns_who_does(stranger: str, rows: Callable[..., Any]) -> None:
    rows("revoke insert on ledger.events from seatledger_writer")
    with pytest.raises(SchemaMismatch, match=r"passer_by may not migrate.*It belongs to seatledger"):
        migrate(stranger)


def test_an_owner_that_is_no_member_of_the_writer_learns_how_to_become_one(
    stranger: str, rows: Callable[..., Any]
) -> None:
    rows("grant usage on schema ledger to passer_by; grant select on ledger.migrations to passer_by")
    try:
        with pytest.raises((SchemaMismatch, psycopg.Error), match=r"seatledger_writer|may not migrate"):
            migrate(stranger)
    finally:
        rows("drop owned by passer_by")


def _write_list() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, running_database(None, Path(folder)) as url:
        FILE.write_text("")
        migrate(url)
        with connect_sync(url, "test") as connection:
            FILE.write_text(listed_objects(connection))


if __name__ == "__main__":
    _write_list()
