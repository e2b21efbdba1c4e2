"""Migrations: SQL files, each applied once and in order, under a lock."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

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


def migrations() -> tuple[Migration, ...]:
    """Return all migrations in order. Raises SchemaMismatch, see `read_folder`."""
    return read_folder(FOLDER)


@cache
def read_folder(folder: Path) -> tuple[Migration, ...]:
    """Return the migrations in the files `NNNN_name.sql` of a folder.

    Raises SchemaMismatch unless the numbers are 1, 2, 3, … with one file each: a file that is left out,
    because it has the number of another or is missing, would leave its tables out of every database.
    """
    names = _file_names(folder)
    _check_names(names)
    return tuple(
        Migration(int(name[:4]), name[5:-4], (folder / name).read_text(encoding="utf-8")) for name in names
    )


def _file_names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name.lower().endswith(".sql"))


def _check_names(names: Sequence[str]) -> None:
    for expected, name in enumerate(names, 1):
        if not _FILE_NAME.fullmatch(name):
            raise SchemaMismatch(f"database/migrations/{name}: must be named like 0001_name.sql")
        number = int(name[:4])
        if number < expected:
            raise SchemaMismatch(
                f"database/migrations: {names[expected - 2]} and {name} have the same number: rename one"
            )
        if number > expected:
            raise SchemaMismatch(
                f"database/migrations: {expected:04} is missing before {name}: this copy of the program is"
                " incomplete, or a migration has a wrong number"
            )


_FILE_NAME = re.compile(r"[0-9]{4}_[a-z0-9_]+\.sql")

FOLDER = Path(__file__).resolve().parent / "migrations"
VERSION = len(_file_names(FOLDER))
"""The newest version: the numbers are dense."""


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
    row = connection.execute("select to_regclass('ledger.migrations')").fetchone()
    return missing_after([] if row is None or row[0] is None else connection.execute(APPLIED).fetchall())


APPLIED: LiteralString = "select version, sha256 from ledger.migrations order by version"


def missing_after(applied: Iterable[tuple[int, str]]) -> list[Migration]:
    """Return the migrations of this program without the applied ones, given by version and sha256.

    Raises SchemaMismatch if the program does not know one of them, or knows another one of that number.
    """
    known = {migration.version: migration for migration in migrations()}
    for version, sha256 in applied:
        if version not in known:
            raise SchemaMismatch(
                f"The database has schema version {version}, this program {VERSION}: use a newer program."
            )
        if known.pop(version).sha256 != sha256:
            raise SchemaMismatch(f"Migration {version} was edited after it was applied to this database.")
    return list(known.values())
