"""Builds: the numbered tables of facts behind the views for analysts."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from analytics.facts import PROJECTIONS, Projection, derived_views
from database.naming import current_schema, role_of
from database.scripts import run_script


def table(projection: Projection, build: int) -> sql.Identifier:
    return sql.Identifier(f"facts_{projection.name}_{build}")


def is_established(connection: psycopg.Connection[Any]) -> bool:
    """Return whether every projection has a live table, and the roles have their rights to tables and views.

    True before the migration that adds the schema.
    """
    if not _has_schema(connection):
        return True
    builds = connection.execute("select projection, build, live from facts_builds").fetchall()
    has_all = {name for name, _, live in builds if live} >= PROJECTIONS.keys()
    tables = [f"facts_{name}_{build}" for name, build, _ in builds]
    values = {**_roles(connection), "tables": tables}
    return has_all and connection.execute(_UNGRANTED, values).fetchone() is None


def establish(connection: psycopg.Connection[Any]) -> None:
    """Create an empty table for each new projection, and create the derived views again.

    Runs as the owner, in the transaction of the migrations.
    """
    if not _has_schema(connection):
        return
    for projection in PROJECTIONS.values():
        row = connection.execute(
            "select from facts_builds where projection = %s and live", (projection.name,)
        ).fetchone()
        if row is None:
            _establish_one(connection, projection)
    run_script(connection, derived_views())
    roles = {kind: sql.Identifier(role) for kind, role in _roles(connection).items()}
    for name, build in connection.execute("select projection, build from facts_builds").fetchall():
        if name in PROJECTIONS:
            connection.execute(grant_statement(PROJECTIONS[name], build, roles["writer"]))
    for (view,) in connection.execute(_VIEWS).fetchall():
        readers = sql.SQL("grant select on {} to {}, {}")
        connection.execute(readers.format(sql.Identifier(view), roles["analyst"], roles["writer"]))


def _establish_one(connection: psycopg.Connection[Any], projection: Projection) -> None:
    """Create an empty table for a projection, and drop its tables without a checkpoint."""
    tables = connection.execute(_TABLES, {"projection": projection.name}).fetchall()
    build = 1 + max((number for number, _ in tables), default=0)
    for statement in (
        *create_statements(projection, build),
        *index_statements(projection, build),
        *publish_statements(projection, build),
    ):
        connection.execute(statement)
    for number, has_checkpoint in tables:
        if not has_checkpoint:
            connection.execute(sql.SQL("drop table {}").format(table(projection, number)))
    connection.execute(ADD, {**key(projection, build), "version": projection.version, "live": True})


def _has_schema(connection: psycopg.Connection[Any]) -> bool:
    (name,) = connection.execute("select to_regclass('facts_builds')").fetchone() or (None,)
    return name is not None


def _roles(connection: psycopg.Connection[Any]) -> dict[str, str]:
    schema = current_schema(connection)
    return {"writer": role_of(schema, "writer"), "analyst": role_of(schema, "analyst")}


def key(projection: Projection, build: int) -> dict[str, Any]:
    """Return the parameters that name one build in a statement."""
    return {"projection": projection.name, "build": build}


# A restored dump has the tables and lacks the rights of roles that its server did not know.
_UNGRANTED: LiteralString = r"""
    select from unnest(%(tables)s::text[]) as built
    cross join unnest(array['select', 'insert', 'update']) as privilege
    where not has_table_privilege(%(writer)s, to_regclass(built), privilege)
    union all
    select from pg_class cross join unnest(array[%(analyst)s, %(writer)s]) as reader
    where relnamespace = current_schema()::regnamespace and relname like 'analytics\_%%' and relkind = 'v'
        and not has_table_privilege(reader, oid, 'select')
    limit 1
"""

_VIEWS: LiteralString = r"""
    select relname from pg_class
    where relnamespace = current_schema()::regnamespace and relname like 'analytics\_%' and relkind = 'v'
"""

_TABLES: LiteralString = r"""
    select number, exists (
        select from facts_builds where projection = %(projection)s and build = number)
    from (
        select substring(relname from '^facts_' || %(projection)s || '_([0-9]{1,9})$')::integer as number
        from pg_class
        where relnamespace = current_schema()::regnamespace and relkind = 'r'
    ) as tables
    where number is not null
"""
ADD: LiteralString = """
    insert into facts_builds (projection, build, version, live)
    values (%(projection)s, %(build)s, %(version)s, %(live)s)
"""


def create_statements(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Yield statements that create the build's table with its comments."""
    name = table(projection, build)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type))
        for column in projection.columns
    )
    yield sql.SQL("create table {} ({}, primary key ({})) with (fillfactor = 85)").format(
        name, columns, sql.Identifier(projection.key)
    )
    yield from _comments(projection, name, "table")


def grant_statement(projection: Projection, build: int, writer: sql.Identifier) -> sql.Composed:
    """Return the statement that lets the writer role, and no other, use the build's table."""
    return sql.SQL("grant select, insert, update on {} to {}").format(table(projection, build), writer)


def index_statements(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Yield statements that create the readers' indexes. A rebuild runs them last, which is faster."""
    for number, columns in enumerate(projection.indexes, 1):
        name = sql.Identifier(f"facts_{projection.name}_{build}_{number}")
        yield sql.SQL("create index if not exists {} on {} {}").format(
            name, table(projection, build), sql.SQL(columns)
        )


def publish_statements(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Yield statements that point the readers' view at this build. The view keeps its identity and grants."""
    view = sql.Identifier(projection.view)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in projection.columns)
    yield sql.SQL("create or replace view {} as select {} from {}").format(
        view, columns, table(projection, build)
    )
    yield from _comments(projection, view, "view")


def _comments(projection: Projection, name: sql.Identifier, kind: LiteralString) -> Iterator[sql.Composed]:
    yield sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), name, projection.comment)
    for column in projection.columns:
        yield sql.SQL("comment on column {}.{} is {}").format(
            name, sql.Identifier(column.name), column.comment
        )
