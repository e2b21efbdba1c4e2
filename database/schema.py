"""Migrations: SQL files, each applied once and in order, under a lock."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg

LOCK = 0x5EA7_0001
"""Advisory lock: one program at a time migrates a database."""

_BOOKKEEPING = """
create schema if not exists ledger;
create table if not exists ledger.migrations (
    version    integer     primary key,
    name       text        not null,
    sha256     text        not null,
    applied_at timestamptz not null default clock_timestamp()
);
"""


class SchemaMismatch(Exception):
    """The program cannot work with the schema of the database."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all migrations in order, from the files `database/migrations/NNNN_name.sql`."""
    found = [file for file in (files("database") / "migrations").iterdir() if file.name.endswith(".sql")]
    return [
        Migration(int(file.name[:4]), file.name[5:-4], file.read_text(encoding="utf-8"))
        for file in sorted(found, key=lambda file: file.name)
    ]


VERSION = migrations()[-1].version


def migrate(
    url: str,
    is_finished: Callable[[psycopg.Connection[Any]], bool] = lambda connection: True,
    finish: Callable[[psycopg.Connection[Any]], None] = lambda connection: None,
) -> list[Migration]:
    """Bring the database to VERSION. Return the migrations applied now, none if it was up to date.

    `finish` creates the objects of other packages in the schema, unless `is_finished`. All changes are one
    transaction under an advisory lock, so any number of programs may start at once. Without changes, the
    right to read is enough. Raises SchemaMismatch when the database is newer than the program, or when an
    applied migration was edited.
    """
    with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
        if not _missing(connection) and is_finished(connection):
            return []
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            connection.execute(_BOOKKEEPING)
            # Check again: another program may have migrated while this one waited.
            missing = _missing(connection)
            for migration in missing:
                connection.execute(migration.sql)
                connection.execute(
                    "insert into ledger.migrations (version, name, sha256) values (%s, %s, %s)",
                    (migration.version, migration.name, migration.sha256),
                )
            finish(connection)
            return missing


def _missing(connection: psycopg.Connection[Any]) -> list[Migration]:
    """Return the migrations that the database does not have yet. Raises SchemaMismatch."""
    known = {migration.version: migration for migration in migrations()}
    for version, sha256 in _applied(connection):
        if version not in known:
            raise SchemaMismatch(
                f"The database has schema version {version}, this program {VERSION}: use a newer program."
            )
        if known.pop(version).sha256 != sha256:
            raise SchemaMismatch(f"Migration {version} was edited after it was applied to this database.")
    return list(known.values())


def _applied(connection: psycopg.Connection[Any]) -> list[tuple[int, str]]:
    row = connection.execute("select to_regclass('ledger.migrations')").fetchone()
    if row is None or row[0] is None:
        return []
    return connection.execute("select version, sha256 from ledger.migrations order by version").fetchall()
