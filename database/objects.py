"""The objects of a complete database: which are missing or differ, and how they come back after a restore.

`database/objects.sql` lists what a fresh ledger has, with the names of the ledger `main`, one object a line:
a grant or a trigger as the statement that makes it, each other object as a comment with its name and, behind
a colon, its definition. Migrating restores objects that are missing by name; verify compares the whole lines.
Lines that begin with `-- facts` belong to `analytics.follower.builds`, which restores them.
`python -m tests.database.test_objects` writes the list.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from database.naming import as_main, current_schema, renamed, role_of
from database.scripts import run_script

FOLDER = Path(__file__).resolve().parent
NAMED_MAX = 5


class Incomplete(Exception):
    """The database lacks objects that only another restore or another role can bring back."""


def missing_objects(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the lines of `objects.sql` that this database lacks, roles first. Reads catalogs only."""
    found = {_name(line) for line in _find_objects(connection)}
    return [line for line in _listed() if not line.startswith(_FACTS) and _name(line) not in found]


def differing_objects(connection: psycopg.Connection[Any]) -> list[str]:
    """Return what the schema lacks, and what it has besides unless an administrator may add it.

    Reads catalogs only.
    """
    found = _find_objects(connection)
    listed = [line for line in _listed() if line != _MEMBER]
    own = {_plain(_name(line)).partition(" ")[2] for line in listed if _OWN.match(_plain(line))}
    besides = [
        f"the schema has besides: {_plain(line)}"
        for line in sorted(found.keys() - {*listed, _MEMBER})
        # An added table has the rights and triggers that the administrator gave it.
        if not _MAY_BE_ADDED.match(_plain(line)) and (found[line] is None or found[line] in own)
    ]
    # A trigger that was switched off is named as such before it is named as missing.
    return besides + [f"the schema lacks: {_plain(line)}" for line in listed if line not in found]


def restore_objects(connection: psycopg.Connection[Any]) -> list[str]:
    """Create missing roles, grants and triggers, and return their lines. Raises Incomplete, psycopg.Error.

    Runs as the owner, in a transaction.
    """
    missing = missing_objects(connection)
    if not missing:
        return []
    lost = [
        _name(line).removeprefix("-- ") for line in missing if line.startswith("--") and not _is_role(line)
    ]
    if lost:
        more = f" and {len(lost) - NAMED_MAX} more" if len(lost) > NAMED_MAX else ""
        raise Incomplete(
            f"the database lacks {', '.join(lost[:NAMED_MAX])}{more}: it was not restored completely."
            " Restore it again into an empty database, and read the errors that pg_restore or psql prints"
        )
    schema = current_schema(connection)
    roles = (FOLDER / "roles.sql").read_text(encoding="utf-8")
    for statement in [roles, *(line for line in missing if not line.startswith("--"))]:
        run_script(connection, renamed(statement, schema))
    if still := missing_objects(connection):
        (user,) = connection.execute("select current_user").fetchone() or ("",)
        raise Incomplete(
            f"{user} may not run: {still[0]}. Run `seatledger migrate` as the owner of the tables"
        )
    return missing


def _name(line: str) -> str:
    """Return the line without the definition. A statement has no other name than itself."""
    return line.partition(": ")[0] if line.startswith("--") else line


def _plain(line: str) -> str:
    return line.removeprefix("-- ").removeprefix("facts ")


def _is_role(line: str) -> bool:
    return line.startswith(("-- role ", "-- member "))


def listed_objects(connection: psycopg.Connection[Any]) -> str:
    """Return the content of `objects.sql` for a freshly migrated database."""
    return "".join(f"{line}\n" for line in _find_objects(connection))


def _find_objects(connection: psycopg.Connection[Any]) -> dict[str, str | None]:
    """Return the lines of this ledger with the names of `main`, each with the table that it belongs to."""
    schema = current_schema(connection)
    roles = [role_of(schema, kind) for kind in ("writer", "analyst", "auditor")]
    found = connection.execute(_OBJECTS, {"roles": roles}).fetchall()
    return {as_main(line, schema): table and as_main(table, schema) for line, table in found}


@cache
def _listed() -> list[str]:
    return (FOLDER / "objects.sql").read_text(encoding="utf-8").splitlines()


_MEMBER = "-- member of seatledger_writer"
_FACTS = "-- facts "
_OWN = re.compile(r"table |view ")
_MAY_BE_ADDED = re.compile(
    r"(table|view|index|column|function) |grant (select|usage) on .* to (?!seatledger_|public$)"
)
"""What an administrator may add: tables, indexes, columns, functions, and rights to read for other roles.
A function that a trigger calls is listed by the trigger."""

# Tables of facts are numbered builds, of which a rebuild adds and drops some, so they are listed by their
# rights only, without the number. Objects that belong to a table name it in the second column.
_OBJECTS: LiteralString = r"""
    with schemas as (
        select oid, nspname as name, nspacl as acl, nspowner as owner from pg_namespace
        where nspname = current_schema()
    ), every_relation as (
        select c.oid, c.relkind as kind, c.relacl as acl, c.relowner as owner,
            c.relname !~ '^(analytics_|facts_(?!builds(_|$)))' as is_plain,
            format('%%I.%%I', s.name, regexp_replace(c.relname, '^(facts_.*)_\d+$', '\1')) as name,
            concat_ws(', ', case when c.relpersistence <> 'p' then 'not permanent' end,
                case when c.relrowsecurity then 'with row security' end,
                case when c.relowner <> s.owner
                    then 'of another owner' end) as flags
        from pg_class c join schemas s on s.oid = c.relnamespace left join pg_index x on x.indexrelid = c.oid
        where coalesce(x.indisvalid, true) and c.relkind in ('r', 'p', 'f', 'v', 'm', 'i', 'I')
    ), relations as (
        select * from every_relation where is_plain
    ), grants as (
        select case when is_plain then '' else '-- facts ' end as prefix, name as of_table, name as target,
            '' as of_column, owner, (aclexplode(acl)).* from every_relation
        union all
        select case when is_plain then '' else '-- facts ' end, name, name,
            format(' (%%I)', attname), owner, (aclexplode(attacl)).*
        from every_relation r join pg_attribute on attrelid = r.oid and attacl is not null
        union all
        select '', null, format('schema %%I', name), '', owner, (aclexplode(acl)).* from schemas
    ), lines (place, line, of_table, definition) as (
        select 1, format('-- role %%s', r.rolname), null, coalesce(
            case when r.rolsuper then 'a superuser' when r.rolbypassrls then 'bypasses row security' end,
            'belongs to ' || g.rolname)
        from pg_roles r left join pg_auth_members m on m.member = r.oid
            left join pg_roles g on g.oid = m.roleid
        where r.rolname = any (%(roles)s)
        union all
        select 2, format('-- member of %%s', rolname), null, null from pg_roles
        where rolname = (%(roles)s)[1] and pg_has_role(current_user, oid, 'member')
        union all
        select 3, format('-- schema %%I', name), null, null from schemas
        union all
        select 4, format('%%s%%s %%s', case when is_plain then '-- ' else '-- facts ' end,
            case kind when 'v' then 'view' else 'table' end, name), name, nullif(flags, '')
        from every_relation where kind not in ('i', 'I')
        union all
        select 4, format('-- index %%s', r.name), t.name, regexp_replace(
            pg_get_indexdef(r.oid), '^CREATE (UNIQUE )?INDEX .*? ON (ONLY )?\S+ USING', '\1USING')
        from relations r join pg_index on indexrelid = r.oid join every_relation t on t.oid = indrelid
        union all
        select 5, format('-- column %%s.%%I', r.name, attname), r.name, format('%%s%%s%%s',
            format_type(atttypid, atttypmod), case when attnotnull then ' not null' end,
            case when attgenerated = 's'
                then ' generated ' || regexp_replace(pg_get_expr(adbin, adrelid), '\s+', ' ', 'g') end)
        from relations r join pg_attribute a on attrelid = r.oid and attnum > 0 and not attisdropped
            left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where kind not in ('i', 'I')
        union all
        select 6, format('-- constraint %%s of %%s', conname, r.name), r.name, pg_get_constraintdef(c.oid)
        from pg_constraint c join relations r on r.oid = conrelid where contype in ('p', 'u', 'c', 'f', 'x')
        union all
        select 7, format('-- function %%I.%%I', s.name, proname), null, encode(sha256(convert_to(
            concat_ws(' ', prosrc, prosecdef, proconfig), 'UTF8')), 'hex')
        from pg_proc join schemas s on s.oid = pronamespace
        union all
        select 8, replace(pg_get_triggerdef(t.oid), 'CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER')
            || case tgenabled when 'O' then '' when 'D' then ' -- disabled' else ' -- only of a replica' end,
            r.name, null
        from pg_trigger t join every_relation r on r.oid = tgrelid
        where not tgisinternal and tgenabled <> 'A'
        union all
        select 8, format('-- rule %%s on %%s', rulename, r.name), r.name, null
        from pg_rewrite join every_relation r on r.oid = ev_class where rulename <> '_RETURN'
        union all
        select case when of_table is null then 9 else 10 end,
            format('%%sgrant %%s%%s on %%s to %%s', prefix, lower(privilege_type), of_column, target,
                case when grantee = 0 then 'public' else quote_ident(rolname) end), of_table, null
        from grants left join pg_roles r on r.oid = grantee where grantee <> owner
    ), whole as (
        select place, concat_ws(': ', line, definition) as line, of_table from lines
    )
    select distinct on (place, line collate "C") line, of_table from whole order by place, line collate "C"
"""
