"""The objects of a complete database: which are missing after a restore, and how they come back.

`database/objects.sql` lists what a freshly migrated database has, one object a line: a grant or a trigger as
the statement that makes it, each other object as a comment. The list is written by
`python -m tests.database.test_objects`.
"""

from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import psycopg

FOLDER = Path(__file__).resolve().parent
NAMED_MAX = 5


class Incomplete(Exception):
    """The database lacks objects that only another restore or another role can bring back."""


def missing_objects(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the lines of `objects.sql` that this database lacks, roles first. Reads catalogs only."""
    found = {line for (line,) in connection.execute(_OBJECTS).fetchall()}
    return [line for line in _listed() if line not in found]


def restore_objects(connection: psycopg.Connection[Any]) -> list[str]:
    """Create missing roles, grants and triggers, and return their lines. Raises Incomplete, psycopg.Error.

    Runs as the owner, in a transaction.
    """
    missing = missing_objects(connection)
    if not missing:
        return []
    lost = [line.removeprefix("-- ") for line in missing if line.startswith("--") and not _is_role(line)]
    if lost:
        more = f" and {len(lost) - NAMED_MAX} more" if len(lost) > NAMED_MAX else ""
        raise Incomplete(
            f"the database lacks {', '.join(lost[:NAMED_MAX])}{more}: it was not restored completely."
            " Restore it again into an empty database, and read the errors that pg_restore or psql prints"
        )
    connection.execute((FOLDER / "roles.sql").read_text(encoding="utf-8").encode())
    for line in missing:
        if not line.startswith("--"):
            connection.execute(line.encode())
    if still := missing_objects(connection):
        (user,) = connection.execute("select current_user").fetchone() or ("",)
        raise Incomplete(
            f"{user} may not run: {still[0]}. Run `seatledger migrate` as the owner of the tables"
        )
    return missing


def _is_role(line: str) -> bool:
    return line.startswith(("-- role ", "-- member "))


def listed_objects(connection: psycopg.Connection[Any]) -> str:
    """Return the content of `objects.sql` for a freshly migrated database."""
    return "".join(f"{line}\n" for (line,) in connection.execute(_OBJECTS).fetchall())


@cache
def _listed() -> list[str]:
    return (FOLDER / "objects.sql").read_text(encoding="utf-8").splitlines()


# Tables and views of facts are numbered builds, which `analytics.follower.builds` checks.
_OBJECTS: LiteralString = """
    with schemas as (
        select oid, nspname as name, nspacl as acl from pg_namespace
        where nspname in ('ledger', 'views', 'analytics', 'analytics_store')
    ), relations as (
        select c.oid, c.relkind as kind, format('%I.%I', s.name, c.relname) as name, c.relacl as acl
        from pg_class c join schemas s on s.oid = c.relnamespace left join pg_index x on x.indexrelid = c.oid
        where coalesce(x.indisvalid, true)
            and (s.name in ('ledger', 'views') or c.relname in ('builds', 'builds_pkey', 'builds_live'))
    ), lines (place, line) as (
        select 1, format('-- role %s', rolname) from pg_roles
        where rolname in ('seatledger_writer', 'seatledger_analyst', 'seatledger_auditor')
        union all
        select 2, '-- member of seatledger_writer' from pg_roles
        where rolname = 'seatledger_writer' and pg_has_role(current_user, oid, 'member')
        union all
        select 2, format('-- schema %s', name) from schemas
        union all
        select 3, format('-- %s %s', case kind when 'i' then 'index' else 'table' end, name)
        from relations where kind in ('r', 'i')
        union all
        select 4, format('-- constraint %s of %s', conname, r.name)
        from pg_constraint join relations r on r.oid = conrelid where contype in ('c', 'f') and convalidated
        union all
        select 5, format('-- function %s.%I', s.name, proname)
        from pg_proc join schemas s on s.oid = pronamespace
        union all
        select 6, replace(pg_get_triggerdef(t.oid), 'CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER')
        from pg_trigger t join relations r on r.oid = tgrelid where not tgisinternal and tgenabled = 'O'
        union all
        select 7, format('grant %s on schema %s to %I', lower(privilege_type), name, rolname)
        from schemas cross join aclexplode(acl) join pg_roles r on r.oid = grantee
        where rolname in ('seatledger_writer', 'seatledger_analyst', 'seatledger_auditor')
        union all
        select 8, format('grant %s on %s to %I', lower(privilege_type), name, rolname)
        from relations cross join aclexplode(acl) join pg_roles r on r.oid = grantee
        where rolname in ('seatledger_writer', 'seatledger_analyst', 'seatledger_auditor')
    )
    select distinct on (place, line collate "C") line from lines order by place, line collate "C"
"""
