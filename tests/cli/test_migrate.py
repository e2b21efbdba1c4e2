"""`migrate` brings the named ledger up to date."""

from pathlib import Path

import psycopg
import pytest

from cli.main import main
from database import registry
from database.connection import connect_sync


def test_the_ledger_that_is_named_is_migrated(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with connect_sync(database_url, "test", autocommit=False) as connection:
        registry.add_entry(connection, registry.begin_entry(connection, "ai", ["AI"], None))
    assert main(["migrate", "--data", str(tmp_path)]) == 0
    schema = "select to_regclass('ledger_ai.events')::text"
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute(schema).fetchone() == (None,)
        assert main(["migrate", "--ledger", "ai", "--data", str(tmp_path)]) == 0
        assert connection.execute(schema).fetchone() == ("ledger_ai.events",)
    assert main(["migrate", "--ledger", "nowhere", "--data", str(tmp_path)]) == 1
