"""Builds: the numbered tables behind the views of schema analytics."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from analytics.facts import PROJECTIONS, Projection, derived_views

STORE: LiteralString = "analytics_store"
PUBLIC: LiteralString = "analytics"


def table(projection: Projection, build: int) -> sql.Identifier:
    return sql.Identifier(STORE, f"{projection.name}_{build}")


def is_established(connection: psycopg.Connection[Any]) -> bool:
    """Return whether every projection has a live table, and the roles have their rights to tables and views.

    True before the migration that adds the schema.
    """
    if not _has_schema(connection):
        return True
    rows = connection.execute("select projection from analytics_store.builds where live").fetchall()
    has_all = {name for (name,) in rows} >= PROJECTIONS.keys()
    return has_all and connection.execute(_UNGRANTED).fetchone() is None


def establish(connection: psycopg.Connection[Any]) -> None:
    """Create an empty table for each new projection, and create the derived views again.

    Runs as the owner, in the transaction of the migrations.
    """
    if not _has_schema(connection):
        return
    for projection in PROJECTIONS.values():
        row = connection.execute(
            "select from analytics_store.builds where projection = %s and live", (projection.name,)
        ).fetchone()
        if row is None:
            _establish_one(connection, projection)
    for name, build in connection.execute("select projection, build from analytics_store.builds").fetchall():
        if name in PROJECTIONS:
            connection.execute(grant_statement(PROJECTIONS[name], build))
    # Ends with the rights to all views of the schema.
    connection.execute(derived_views().encode())


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
    (name,) = connection.execute("select to_regclass('analytics_store.builds')").fetchone() or (None,)
    return name is not None


def key(projection: Projection, build: int) -> dict[str, Any]:
    """Return the parameters that name one build in a statement."""
    return {"projection": projection.name, "build": build}


# A restored dump has the tables and lacks the rights of roles that its server did not know.
_UNGRANTED: LiteralString = """
    select from analytics_store.builds
    cross join to_regclass(format('analytics_store.%I', projection || '_' || build)) as built
    cross join unnest(array['select', 'insert', 'update']) as privilege
    where not has_table_privilege('seatledger_writer', built, privilege)
    union all
    select from pg_class cross join unnest(array['seatledger_analyst', 'seatledger_writer']) as reader
    where relnamespace = 'analytics'::regnamespace and relkind = 'v'
        and not has_table_privilege(reader, oid, 'select')
    limit 1
"""

_TABLES: LiteralString = r"""
    select number, exists (
        select from analytics_store.builds where projection = %(projection)s and build = number)
    from (
        select substring(relname from '^' || %(projection)s || '_([0-9]{1,9})$')::integer as number
        from pg_class
        where relnamespace = 'analytics_store'::regnamespace and relkind = 'r'
    ) as tables
    where number is not null
"""
ADD: LiteralString = """
    insert into analytics_store.builds (projection, build, version, live)
    values (%(projection)s, %(build)s, %(version)s, %(live)s)
"""


def create_statements(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Yield statements that create the build's table with its comments. Only the writer role may use it."""
    name = table(projection, build)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type))
        for column in projection.columns
    )
    yield sql.SQL("create table {} ({}, primary key ({})) with (fillfactor = 85)").format(
        name, columns, sql.Identifier(projection.key)
    )
    yield from _comments(projection, name, "table")
    yield grant_statement(projection, build)


def grant_statement(projection: Projection, build: int) -> sql.Composed:
    return sql.SQL("grant select, insert, update on {} to seatledger_writer").format(table(projection, build))


def index_statements(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Yield statements that create the readers' indexes. A rebuild runs them last, which is faster."""
    for number, columns in enumerate(projection.indexes, 1):
        name = sql.Identifier(f"{projection.name}_{build}_{number}")
        yield sql.SQL("create index if not exists {} on {} {}").format(
            name, table(projection, build), sql.SQL(columns)
        )


def publish_statements(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Yield statements that point the readers' view at this build. The view keeps its identity and grants."""
    view = sql.Identifier(PUBLIC, projection.name)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in projection.columns)
    yield sql.SQL("create or replace view {} as select {} from {}").format(
        view, columns, table(projection, build)
    )
    yield from _comments(projection, view, "view")
    yield sql.SQL("grant select on {} to seatledger_analyst, seatledger_writer").format(view)


def _comments(projection: Projection, name: sql.Identifier, kind: LiteralString) -> Iterator[sql.Composed]:
    yield sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), name, projection.comment)
    for column in projection.columns:
        yield sql.SQL("comment on column {}.{} is {}").format(
            name, sql.Identifier(column.name), column.comment
        )
