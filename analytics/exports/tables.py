"""Tables that can be exported, and the statement that reads one as of a position."""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from analytics.facts import PROJECTIONS, Column, Projection

LOG = "events"


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table to export, ordered by `key`. `projection` is None for the log itself."""

    name: str
    version: int
    columns: tuple[Column, ...]
    key: LiteralString
    projection: Projection | None

    @property
    def free_texts(self) -> frozenset[int]:
        """Indexes of the columns that callers or a gateway write."""
        return frozenset(index for index, column in enumerate(self.columns) if column.is_free_text)


_LOG = ExportTable(
    LOG,
    1,
    (
        Column(
            "position", "bigint not null", "Position in the log: 1, 2, 3, … without gaps, in commit order"
        ),
        Column("recorded_at", "timestamptz not null", "Time of the event"),
        Column("topic", "text not null", "Topic of the event, like booking.booked"),
        Column("originator_id", "uuid not null", "The flight, booking or waiting party"),
        Column("originator_version", "integer not null", "Number of the event in its stream, from 1"),
        Column("state", "text not null", "Data of the event, as JSON", True),
        Column("actor", "text not null", "Pseudonym of the caller", True),
        Column("operation", "text not null", "Operation of the command"),
        Column("ordinal", "smallint not null", "Number of the event among those of its command, from 1"),
        Column("causation_id", "text not null", "Idempotency key of the command", True),
        Column("correlation_id", "text", "Request id; null if there was none", True),
        Column("traceparent", "text", "Trace of the request; null if there was none", True),
        Column("command_hash", "bytea not null", "Hash of the command's outcome, in hex"),
        Column("hash", "bytea not null", "Chain hash of this event and all before it, in hex"),
    ),
    "position",
    None,
)

TABLES = {
    **{p.name: ExportTable(p.name, p.version, p.columns, p.key, p) for p in PROJECTIONS.values()},
    LOG: _LOG,
}
"""All exportable tables by name: the facts, and the log."""


def copy_rows(table: ExportTable, then: bool) -> sql.Composed:
    """Return the COPY statement for the rows as CSV with a header. With `then`, as of position `%(upto)s`.

    Empty text is exported as null, because CSV does not distinguish the two.
    """
    expressions = sql.SQL(", ").join(_expression(column) for column in table.columns)
    return sql.SQL("copy (select {} from {} order by {}) to stdout (format csv, header)").format(
        expressions, _source(table, then), sql.Identifier(table.key)
    )


def _expression(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    if column.type.startswith("bytea"):
        return sql.SQL("encode({0}, 'hex') as {0}").format(name)
    if column.type.startswith("text"):
        return sql.SQL("nullif({0}, '') as {0}").format(name)
    return sql.Composed([name])


def _source(table: ExportTable, then: bool) -> sql.Composable:
    projection = table.projection
    if projection is None:
        return sql.SQL("(select * from events where position <= %(upto)s) as e")
    live = sql.Identifier(projection.view)
    if not then:
        return live
    unchanged = sql.SQL("select * from {} where position <= %(upto)s").format(live)
    if projection.stream is None:
        return sql.SQL("({}) as past").format(unchanged)
    names = {"live": live, "key": sql.Identifier(projection.key), "stream": sql.Identifier(projection.stream)}
    return sql.SQL("({} union all {}) as past").format(unchanged, _rows_changed_since(projection, names))


def _rows_changed_since(projection: Projection, names: dict[str, sql.Identifier]) -> sql.Composed:
    """Return a query for the past state of rows that changed later: the projection folds their streams again.

    Unchanged rows are excluded, even if another row of their stream changed.
    """
    events = sql.SQL(
        "(select * from events where originator_id = any (array("
        "select distinct {stream} from {live} where position > %(upto)s)))"
    ).format(**names)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in projection.columns)
    return sql.SQL(
        "select * from ({fold}) as folded ({columns})"
        " where {key} in (select {key} from {live} where position > %(upto)s)"
    ).format(fold=sql.SQL(projection.fold).format(events=events), columns=columns, **names)
