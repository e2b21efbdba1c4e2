"""What may be exported, and the one statement that reads it as it stood at a position."""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from analytics.facts import PROJECTIONS, Column, Projection

LOG = "events"


@dataclass(frozen=True, slots=True)
class Table:
    """`projection` None: the log itself. Rows are ordered by `key`, ascending."""

    name: str
    version: int
    columns: tuple[Column, ...]
    key: LiteralString
    projection: Projection | None


_LOG = Table(
    LOG,
    1,
    (
        Column("position", "bigint not null", "Dense: 1, 2, 3, … in commit order"),
        Column("recorded_at", "timestamptz not null", "When it happened"),
        Column("topic", "text not null", "What happened, like booking.booked"),
        Column("originator_id", "uuid not null", "The flight, booking or waiting party it belongs to"),
        Column("originator_version", "integer not null", "Counts the events of that from 1"),
        Column("state", "text not null", "The event itself, as JSON"),
        Column("actor", "text not null", "Who gave the command"),
        Column("operation", "text not null", "What the command was"),
        Column("ordinal", "smallint not null", "Counts the events of one command from 1"),
        Column("causation_id", "text not null", "The command's idempotency key"),
        Column("correlation_id", "text", "The request's id; null: there was none"),
        Column("traceparent", "text", "The request's trace; null: there was none"),
        Column("command_hash", "bytea not null", "Of the command's outcome, in hex"),
        Column("hash", "bytea not null", "Of this event and, by the chain, of all before it, in hex"),
    ),
    "position",
    None,
)

TABLES = {
    **{p.name: Table(p.name, p.version, p.columns, p.key, p) for p in PROJECTIONS.values()},
    LOG: _LOG,
}
"""Every fact of schema analytics, and the log, by name."""


def copy_rows(table: Table, then: bool) -> sql.Composed:
    """COPY of the rows as CSV, header first; with `then` as they stood at position `%(upto)s`.

    No text is empty: where there is nothing a column is null, and CSV need not tell the two apart.
    """
    shown = sql.SQL(", ").join(_shown(column) for column in table.columns)
    return sql.SQL("copy (select {} from {} order by {}) to stdout (format csv, header)").format(
        shown, _source(table, then), sql.Identifier(table.key)
    )


def _shown(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    if column.type.startswith("bytea"):
        return sql.SQL("encode({0}, 'hex') as {0}").format(name)
    if column.type.startswith("text"):
        return sql.SQL("nullif({0}, '') as {0}").format(name)
    return sql.Composed([name])


def _source(table: Table, then: bool) -> sql.Composable:
    projection = table.projection
    if projection is None:
        return sql.SQL("(select * from ledger.events where position <= %(upto)s) as e")
    live = sql.Identifier("analytics", table.name)
    if not then:
        return live
    stood = sql.SQL("select * from {} where position <= %(upto)s").format(live)
    if projection.stream is None:
        return sql.SQL("({}) as stood").format(stood)
    names = {"live": live, "key": sql.Identifier(projection.key), "stream": sql.Identifier(projection.stream)}
    return sql.SQL("({} union all {}) as stood").format(stood, _moved_since(projection, names))


def _moved_since(projection: Projection, names: dict[str, sql.Identifier]) -> sql.Composed:
    """The rows that have changed since, as they were: folded again, by the projection's own statement, from
    the events of their streams. Rows that stand keep out, though another of their stream has changed.
    """
    events = sql.SQL(
        "(select * from ledger.events where originator_id = any (array("
        "select distinct {stream} from {live} where position > %(upto)s)))"
    ).format(**names)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in projection.columns)
    return sql.SQL(
        "select * from ({fold}) as folded ({columns})"
        " where {key} in (select {key} from {live} where position > %(upto)s)"
    ).format(fold=sql.SQL(projection.fold).format(events=events), columns=columns, **names)
