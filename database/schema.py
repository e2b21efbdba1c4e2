"""Migrations: SQL files, each applied once and in order, under a lock.

A new ledger begins with `ledger.sql`, the whole schema after migration BASELINE. Migrations after it name
tables without a schema; those up to it are for databases of earlier releases.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from database.connection import connect_sync
from database.naming import current_schema, renamed
from database.objects import Incomplete, missing_objects, restore_objects
from database.sandbox import make_sandbox, require_kind
from database.scripts import run_script
from runtime.failures import CommandFailed

LOCK_MILLISECONDS_MAX = 200
"""Limit on the wait for one lock. Commands queue behind a migration that waits for a reader of a table."""

WAIT_SECONDS_MAX = 30.0
"""Limit on all attempts to get the locks."""

PAUSE_SECONDS = 0.5

BASELINE = 19

EARLIER_TEXTS = {22: "ea73e8fe19f7209343d85faf47e94aebd2023ab1e22ec184a87ad80e90b29b7b"}
"""The sha256 of earlier texts that have the same result. Citus refuses a statement of the one of 22."""

_BOOKKEEPING = """
create schema if not exists {schema};
create table if not exists {schema}.migrations (
    version    integer     primary key,
    name       text        not null,
    sha256     text        not null,
    applied_at timestamptz not null default clock_timestamp()
);
"""

# One program at a time migrates a database. Only the owner can take this lock.
_LOCK = "lock table migrations in share row exclusive mode"
_LIMIT = f"set local lock_timeout = '{LOCK_MILLISECONDS_MAX}ms'"


class SchemaMismatch(CommandFailed):
    """The program cannot work with the schema of the database."""


class MigrationBlocked(SchemaMismatch):
    """Other sessions kept locks that a migration needs. Nothing was changed."""


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
    report: Callable[[str], None] = lambda restored: None,
    is_sandbox: bool | None = None,
) -> list[Migration]:
    """Bring the database to VERSION. Return the migrations applied now, none if it was up to date.

    A new ledger becomes a sandbox if `is_sandbox`; one that exists must be of this kind, or None for either.

    Roles, grants and triggers that a restored dump lacks are created, and reported one by one. `finish`
    creates the objects of other packages in the schema, unless `is_finished`. All changes are one transaction
    under a lock, so any number of programs may start at once. Without changes, the right to read is enough.
    Raises SchemaMismatch when the database is newer than the program, when an applied migration was edited,
    or when objects are missing that cannot be created, and MigrationBlocked when other sessions keep locks
    for WAIT_SECONDS_MAX, and WrongKind.
    """
    with connect_sync(url, "seatledger migrate") as connection:
        try:
            if is_sandbox is not None:
                require_kind(connection, is_sandbox)
            return _migrate(connection, is_finished, finish, report, is_sandbox)
        except Incomplete as reason:
            raise SchemaMismatch(str(reason)) from None
        except psycopg.errors.InsufficientPrivilege as denied:
            raise SchemaMismatch(_explain(connection, denied)) from None


def _migrate(
    connection: psycopg.Connection[Any],
    is_finished: Callable[[psycopg.Connection[Any]], bool],
    finish: Callable[[psycopg.Connection[Any]], None],
    report: Callable[[str], None],
    is_sandbox: bool | None,
) -> list[Migration]:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while _missing(connection) or missing_objects(connection) or not is_finished(connection):
        try:
            return _apply(connection, finish, report, is_sandbox)
        except psycopg.errors.UniqueViolation as error:
            # Another program created the schema at the same time, and has committed it by now.
            if error.diag.schema_name != "pg_catalog" or time.monotonic() > deadline:
                raise
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > deadline:
                raise MigrationBlocked(_blocked(connection)) from error
            time.sleep(PAUSE_SECONDS)
    return []


def _blocked(connection: psycopg.Connection[Any]) -> str:
    """Return a message that names the oldest transactions of other sessions."""
    oldest = [f"{pid} ({user})" for pid, user in connection.execute(_OLDEST).fetchall()]
    return (
        f"The migration waited {WAIT_SECONDS_MAX:.0f} s for locks of other sessions. The oldest transactions"
        f" are those of pid {', '.join(oldest) or 'none'}: end them, then migrate again."
    )


def _apply(
    connection: psycopg.Connection[Any],
    finish: Callable[[psycopg.Connection[Any]], None],
    report: Callable[[str], None],
    is_sandbox: bool | None,
) -> list[Migration]:
    """Apply the missing migrations in one transaction and return them."""
    with connection.transaction():
        run_script(connection, _BOOKKEEPING.format(schema=current_schema(connection)))
        connection.execute(_LOCK)
        connection.execute(_LIMIT)
        # Check again: another program may have migrated while this one waited.
        missing = _missing(connection)
        is_new = missing == list(migrations()) and len(missing) >= BASELINE
        if is_new:
            run_script(connection, _read_baseline(current_schema(connection)))
        for migration in missing:
            if not is_new or migration.version > BASELINE:
                run_script(connection, renamed(migration.sql, current_schema(connection)))
            connection.execute(
                "insert into migrations (version, name, sha256) values (%s, %s, %s)",
                (migration.version, migration.name, migration.sha256),
            )
        if is_new and is_sandbox:
            make_sandbox(connection)
        elif is_sandbox is not None:
            # Another program may have made the ledger while this one waited.
            require_kind(connection, is_sandbox)
        if len(migrations()) == VERSION:
            for restored in restore_objects(connection):
                report(restored)
        finish(connection)
        return missing


def _read_baseline(schema: str) -> str:
    folder = Path(__file__).resolve().parent
    files = (folder / "roles.sql", folder / "ledger.sql")
    return renamed("".join(file.read_text(encoding="utf-8") for file in files), schema)


def _explain(connection: psycopg.Connection[Any], denied: psycopg.Error) -> str:
    """Return the message for a role that may not migrate: the owner of the tables, and how to change it."""
    row = connection.execute(_OWNERS).fetchone()
    user, owners = row or ("", None)
    message = f"{user} may not migrate this database: {denied.diag.message_primary}."
    if owners and owners != user:
        message += (
            f" It belongs to {owners}: run `seatledger migrate` as that role, or as a superuser give schemas"
            f" and tables to {user} (ALTER SCHEMA … OWNER TO, ALTER TABLE … OWNER TO)."
        )
    return message


_OWNERS: LiteralString = """
    select current_user::text, string_agg(distinct owner::text, ', ') from (
        select nspowner::regrole as owner from pg_namespace where nspname = current_schema()
        union all
        select relowner::regrole from pg_class
        where relnamespace = current_schema()::regnamespace
    ) as owned
"""


def _missing(connection: psycopg.Connection[Any]) -> list[Migration]:
    """Return the migrations that the database does not have yet. Raises SchemaMismatch."""
    row = connection.execute("select to_regclass('migrations')").fetchone()
    return missing_after([] if row is None or row[0] is None else connection.execute(APPLIED).fetchall())


APPLIED: LiteralString = "select version, sha256 from migrations order by version"


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
        migration = known.pop(version)
        if sha256 not in (migration.sha256, EARLIER_TEXTS.get(version)):
            raise SchemaMismatch(f"Migration {version} was edited after it was applied to this database.")
    return list(known.values())


_OLDEST = """
    select pid, usename from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
        and xact_start is not null
    order by xact_start limit 5
"""
