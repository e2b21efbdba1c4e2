"""What verify checks and what not: each column of the database, by the catalogue of the database itself."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import LiteralString, NamedTuple

import msgspec

from analytics.facts import PROJECTIONS
from audit.verify.snapshot import Connection
from audit.verify.views import VIEW_CHECKS
from ledger.log import EVENTS
from ledger.records import COMMANDS
from ledger.statements import PEOPLE, SEATS
from projections import refunds


class Unchecked(msgspec.Struct, frozen=True):
    """Columns of a table, or some of its rows, that verify does not check, and the reason."""

    table: str
    columns: list[str]
    reason: str


CHECKED: dict[str, frozenset[str]] = {
    "ledger.events": frozenset(EVENTS.names.split(", ")),
    "ledger.commands": frozenset(COMMANDS.names.split(", ")),
    "ledger.seats": frozenset(SEATS.names.split(", ")),
    "ledger.people": frozenset({*PEOPLE.names.split(", "), "forgotten_at"}),
    "ledger.forgotten": frozenset({"person"}),
    "ledger.tiles": frozenset({"level", "index", "root", "hashes"}),
    "ledger.checkpoints": frozenset({"position", "hash", "root", "time", "key", "signature"}),
    "ledger.migrations": frozenset({"version", "name", "sha256"}),
    "analytics_store.builds": frozenset({"projection", "live", "position", "hash", "recorded_at"}),
    **{view.name: frozenset(column.name for column in view.columns) for view in VIEW_CHECKS},
    # The status is generated from checked columns, by an expression that belongs to the schema.
    "views.refunds": frozenset({"status", *(column.name for column in refunds.TABLE.columns)}),
    **{
        f"{schema}.{name}": frozenset(column.name for column in projection.columns)
        for name, projection in PROJECTIONS.items()
        for schema in ("analytics", "analytics_store")
    },
}
"""Columns that a rule compares with the log, with signatures, or with other tables."""

_WORK = "the state of background work, which decides nothing in the log"
_DERIVED = "derived from the log by the self-audit, which finds and renews a wrong digest"
_VIEW = "a view over checked tables, computed when it is read; its definition is not compared"

UNCHECKED: dict[str, Mapping[str, str]] = {
    "ledger.people": {"first_seen_at": "nothing else records when a person was first named"},
    "ledger.forgotten": dict.fromkeys(
        ("forgotten_at", "forgotten_by"),
        "an erasure is not an event, so nothing else records its time and account; only the order is checked",
    ),
    "ledger.migrations": {"applied_at": "nothing else records when a migration was applied"},
    "ledger.head": {"one": "a row that is only locked, and that a constraint keeps true"},
    "ledger.published": dict.fromkeys(("sink", "position"), "only the sink knows which checkpoints it took"),
    "ledger.secrets": dict.fromkeys(("name", "value"), "random values, which nothing else records"),
    "ledger.audited_ranges": dict.fromkeys(("first", "last", "rows", "digest", "renewed_at"), _DERIVED),
    "ledger.audited_seats": dict.fromkeys(("flight_id", "seats", "held", "booked", "position"), _DERIVED),
    "analytics_store.builds": dict.fromkeys(
        ("build", "version", "written_at", "parked_at", "parked_position", "error"), _WORK
    ),
}
"""Columns that no rule can check, with the reasons."""

UNCHECKED_TABLES = {
    **dict.fromkeys(
        [
            "ledger.checkpoint_refusals",
            "ledger.heartbeats",
            "ledger.job_runs",
            "ledger.jobs",
            "ledger.self_audit",
            "ledger.task_failures",
        ],
        _WORK,
    ),
    **dict.fromkeys(
        [
            "analytics.checkpoints",
            "analytics.daily_sales",
            "analytics.expiry_rates",
            "analytics.funnel",
            "analytics.load_factor",
            "analytics.payment_outcomes",
            "analytics.refund_ageing",
            "analytics.refusal_rates",
            "analytics.refusals",
            "analytics.seats_over_time",
        ],
        _VIEW,
    ),
}
"""Tables and views of which no column is checked."""

REFUSALS = Unchecked(
    "ledger.commands",
    ["actor", "operation", "key", "fingerprint", "status", "body", "correlation_id"],
    "in rows of refused commands, which no event binds; only their form, order and time are checked",
)
SEALED = Unchecked(
    "ledger.people",
    ["lookup", "wrapped_key", "sealed_name"],
    "sealed names and texts were not decrypted: that needs --names and the master key",
)
REMOVED = Unchecked(
    "ledger.checkpoints", [], "whether rows were removed; compare with saved ones: --against FILE"
)
FACTS = Unchecked(
    "analytics_store",
    [],
    "indexes and constraints of the tables of facts, on which no rule rests: the rows are compared instead",
)
_STRANGE = "not part of the schema of this program"


class Column(NamedTuple):
    """A column of a table or view. `build` is true for a table of facts that is not the live one."""

    table: str
    name: str
    is_rebuilt: bool


_COLUMNS: LiteralString = r"""
    select case when n.nspname = 'analytics_store' and c.relname <> 'builds' and b.projection is not null
            then 'analytics_store.' || b.projection else n.nspname || '.' || c.relname end,
        a.attname, coalesce(not b.live, false)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join analytics_store.builds b
            on n.nspname = 'analytics_store' and c.relname = b.projection || '_' || b.build
    where n.nspname in ('ledger', 'views', 'analytics', 'analytics_store')
        and c.relkind in ('r', 'v', 'm', 'p', 'f')
    order by n.nspname, c.relname, a.attnum
"""


def read_columns(connection: Connection) -> list[Column]:
    """Return all columns of the schemas of the ledger."""
    return [Column(*row) for row in connection.execute(_COLUMNS).fetchall()]


def reason_unchecked(column: Column) -> str | None:
    """Return the reason why no rule checks the column, or None if one does."""
    table, name, is_rebuilt = column
    if is_rebuilt:
        return "a table that is being rebuilt, which no reader sees"
    if name in CHECKED.get(table, ()):
        return None
    return UNCHECKED.get(table, {}).get(name) or UNCHECKED_TABLES.get(table) or _STRANGE


def list_unchecked(connection: Connection) -> Iterator[Unchecked]:
    """Yield all columns that no rule checks, grouped by table and reason."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for column in read_columns(connection):
        reason = reason_unchecked(column)
        if reason is not None:
            groups[column.table, reason].append(column.name)
    for (table, reason), names in groups.items():
        yield Unchecked(table, names, reason)
    yield REFUSALS
    yield FACTS
    yield REMOVED
