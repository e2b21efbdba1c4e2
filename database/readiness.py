"""Readiness checks of the database: it loses no acknowledged event, and its schema fits the program."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from database.connection import Connection
from database.schema import APPLIED, VERSION, SchemaMismatch, missing_after


class Check(msgspec.Struct, frozen=True):
    """The result of one readiness check. Only a failed `vital` check takes the program out of service."""

    name: str
    ok: bool
    detail: str
    vital: bool = True


async def durability(connection: Connection) -> Check:
    """Check the settings of new sessions: those of the server, and overrides by database or role."""
    (standbys,) = await fetch_one(connection, "select current_setting('synchronous_standby_names')")
    # `local` is as durable as `on` unless there is a synchronous standby.
    risky = ("off", "false", "no", "0", *(["local"] if standbys else []))
    rows = await (await connection.execute(_DURABILITY)).fetchall()
    lost = sorted({f"{name}={value}" for name, value in rows if value in risky})
    if lost:
        return Check(
            "durability", False, f"{', '.join(lost)}: acknowledged events could be lost; switch it on"
        )
    return Check("durability", True, "fsync, full_page_writes and synchronous_commit are on")


async def schema(connection: Connection) -> Check:
    """Check that the database has exactly the migrations of this program."""
    applied = await (await connection.execute(APPLIED)).fetchall()
    try:
        missing = missing_after(applied)
    except SchemaMismatch as mismatch:
        return Check("schema", False, str(mismatch))
    if missing:
        numbers = ", ".join(str(migration.version) for migration in missing)
        return Check(
            "schema",
            False,
            f"migrations {numbers} are missing, to version {VERSION}: run `seatledger migrate`",
        )
    return Check("schema", True, f"version {VERSION}")


def seconds_ago(now: datetime, then: datetime) -> str:
    return f"{max((now - then).total_seconds(), 0):.0f} s ago ({then.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"


async def fetch_one(connection: Connection, statement: Any) -> tuple[Any, ...]:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row


_DURABILITY = """
    select name, reset_val from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')
    union all
    select split_part(setting, '=', 1), split_part(setting, '=', 2)
    from pg_db_role_setting s cross join unnest(s.setconfig) as setting
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
        and split_part(setting, '=', 1) in ('fsync', 'full_page_writes', 'synchronous_commit')
"""
