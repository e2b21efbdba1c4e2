"""Sealing a ledger that has moved: its schema gets another name, so that no process can use it.

A statement with the old name fails at once, also a prepared one, and one of a process that knows nothing of
the move. So no block can be written, and no stale row be read, where the ledger is no longer.
"""

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from database.naming import current_schema
from runtime.failures import CommandFailed

LOCK_SECONDS_MAX = 5
SEALED = "sealed"


class NotSealed(CommandFailed):
    """Another session keeps tables of the ledger locked: end it, and move the ledger again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def sealed_name(connection: psycopg.Connection[Any]) -> str:
    """Return a new name for the schema of the ledger once it is sealed."""
    (at,) = connection.execute(_TIME).fetchall()[0]
    return f"{current_schema(connection)}_{SEALED}_{at}"


def find_sealed(connection: psycopg.Connection[Any]) -> str | None:
    """Return the schema that a killed move has sealed: the newest one, if the ledger has none in use."""
    schema = current_schema(connection)
    if connection.execute(_FIND, (f"^{schema}$",)).fetchone():
        return None
    row = connection.execute(_FIND, (rf"^{schema}_{SEALED}_\d{{14}}$",)).fetchone()
    return str(row[0]) if row else None


def seal(connection: psycopg.Connection[Any], sealed: str) -> int:
    """Rename the schema, in which the session then works on. Return the position of the last event.

    A block that is being written ends first. Raises NotSealed, and leaves the schema in use, if another
    session keeps its tables locked.
    """
    schema = current_schema(connection)
    connection.execute(f"set lock_timeout = '{LOCK_SECONDS_MAX}s'".encode())
    try:
        with connection.transaction():
            connection.execute("select from head for update")
            _rename(connection, schema, sealed)
        with connection.transaction():
            # All transactions of the program that began before have ended once these locks are granted.
            tables = [sql.Identifier(name) for (name,) in connection.execute(_TABLES).fetchall()]
            connection.execute(sql.SQL("lock table {} in share mode").format(sql.SQL(", ").join(tables)))
            (position,) = connection.execute("select coalesce(max(position), 0) from events").fetchall()[0]
    except psycopg.errors.LockNotAvailable:
        unseal(connection, schema, sealed)
        raise NotSealed from None
    return int(position)


def unseal(connection: psycopg.Connection[Any], schema: str, sealed: str) -> None:
    """Bring the schema back into use under its name, if it is sealed."""
    if connection.execute(_FIND, (f"^{sealed}$",)).fetchone():
        _rename(connection, sealed, schema)


def _rename(connection: psycopg.Connection[Any], old: str, new: str) -> None:
    """Rename a schema, and let the session find its tables under the new name."""
    connection.execute(
        sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), sql.Identifier(new))
    )
    connection.execute(sql.SQL("set search_path = {}, pg_temp").format(sql.Identifier(new)))


_TIME: LiteralString = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDDHH24MISS')"
_FIND: LiteralString = "select nspname from pg_namespace where nspname ~ %s order by nspname desc limit 1"
_TABLES: LiteralString = """
    select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
"""
