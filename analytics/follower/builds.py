"""Builds: the tables behind schema analytics; making them, showing them to readers, swapping them."""

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
    """Has every projection a table that readers see? True also where there is no room for them yet."""
    if not _has_room(connection):
        return True
    rows = connection.execute("select projection from analytics_store.builds where live").fetchall()
    return {name for (name,) in rows} >= PROJECTIONS.keys()


def establish(connection: psycopg.Connection[Any]) -> None:
    """Give each new projection an empty table, which then follows the log, and make the views again.

    By the owner, in the transaction of the migrations.
    """
    if not _has_room(connection):
        return
    for projection in PROJECTIONS.values():
        row = connection.execute(
            "select from analytics_store.builds where projection = %s and live", (projection.name,)
        ).fetchone()
        if row is None:
            for statement in (*make(projection, 1), *index(projection, 1), *show(projection, 1)):
                connection.execute(statement)
            connection.execute(ADD, {**key(projection, 1), "version": projection.version, "live": True})
    connection.execute(derived_views().encode())


def _has_room(connection: psycopg.Connection[Any]) -> bool:
    (name,) = connection.execute("select to_regclass('analytics_store.builds')").fetchone() or (None,)
    return name is not None


def key(projection: Projection, build: int) -> dict[str, Any]:
    """The parameters of a statement on one build."""
    return {"projection": projection.name, "build": build}


ADD: LiteralString = """
    insert into analytics_store.builds (projection, build, version, live)
    values (%(projection)s, %(build)s, %(version)s, %(live)s)
"""


def make(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """The build's table, with its comments, for the writer to fill and nobody else to see."""
    name = table(projection, build)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type))
        for column in projection.columns
    )
    yield sql.SQL("create table {} ({}, primary key ({})) with (fillfactor = 85)").format(
        name, columns, sql.Identifier(projection.key)
    )
    yield from _comments(projection, name, "table")
    yield sql.SQL("grant select, insert, update on {} to seatledger_writer").format(name)


def index(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """The indexes that readers need; a rebuild makes them when the table is full, which is faster."""
    for number, columns in enumerate(projection.indexes, 1):
        name = sql.Identifier(f"{projection.name}_{build}_{number}")
        yield sql.SQL("create index if not exists {} on {} {}").format(
            name, table(projection, build), sql.SQL(columns)
        )


def show(projection: Projection, build: int) -> Iterator[sql.Composed]:
    """Readers see this build from now on. Their view stays the same one, and so do its grants."""
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
