"""What verify checks and what not: each column of the database, by the catalogue of the database itself."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import LiteralString, NamedTuple

import msgspec

from analytics.facts import PROJECTIONS
from audit.verify.snapshot import Connection
from audit.verify.views import VIEW_CHECKS
from ledger.log import EVENTS
from ledger.passenger_index import NAMES
from ledger.records import COMMANDS
from ledger.statements import PEOPLE, SEATS
from projections import refunds


class Unchecked(msgspec.Struct, frozen=True):
    """Columns of a table, or some of its rows, that verify does not check, and the reason."""

    table: str
    columns: list[str]
    reason: str


CHECKED: dict[str, frozenset[str]] = {
    "events": frozenset(EVENTS.names.split(", ")),
    "commands": frozenset(COMMANDS.names.split(", ")),
    "seats": frozenset(SEATS.names.split(", ")),
    "people": frozenset({*PEOPLE.names.split(", "), "forgotten_at"}),
    "forgotten": frozenset({"person"}),
    "passenger_names": frozenset(NAMES.names.split(", ")),
    "tiles": frozenset({"level", "index", "root", "hashes"}),
    "checkpoints": frozenset({"position", "hash", "root", "time", "key", "signature"}),
    "migrations": frozenset({"version", "name", "sha256"}),
    "sandbox": frozenset({"ahead"}),
    "facts_builds": frozenset({"projection", "live", "position", "hash", "recorded_at"}),
    **{view.name: frozenset(column.name for column in view.columns) for view in VIEW_CHECKS},
    # The status is generated from checked columns, by an expression that belongs to the schema.
    "refunds": frozenset({"status", *(column.name for column in refunds.TABLE.columns)}),
    **{
        f"{prefix}_{name}": frozenset(column.name for column in projection.columns)
        for name, projection in PROJECTIONS.items()
        for prefix in ("analytics", "facts")
    },
}
"""Columns that a rule compares with the log, with signatures, or with other tables."""

_WORK = "the state of background work, which decides nothing in the log"
_DERIVED = "derived from the log by the self-audit, which finds and renews a wrong digest"
_VIEW = "a view over checked tables, computed when it is read; its definition is not compared"

UNCHECKED: dict[str, Mapping[str, str]] = {
    "people": {"first_seen_at": "nothing else records when a person was first named"},
    "forgotten": dict.fromkeys(
        ("forgotten_at", "forgotten_by"),
        "an erasure is not an event, so nothing else records its time and account; only the order is checked",
    ),
    "migrations": {"applied_at": "nothing else records when a migration was applied"},
    "sandbox": {"one": "a constraint keeps it true; whether there is a row is checked"},
    "head": {"one": "a row that is only locked, and that a constraint keeps true"},
    "published": dict.fromkeys(("sink", "position"), "only the sink knows which checkpoints it took"),
    "secrets": dict.fromkeys(("name", "value"), "random values, which nothing else records"),
    "audited_ranges": dict.fromkeys(("first", "last", "rows", "digest", "renewed_at"), _DERIVED),
    "audited_seats": dict.fromkeys(
        ("flight_id", "seats", "held", "booked", "overbooking", "position"), _DERIVED
    ),
    "facts_builds": dict.fromkeys(
        ("build", "version", "written_at", "parked_at", "parked_position", "error"), _WORK
    ),
}
"""Columns that no rule can check, with the reasons."""

UNCHECKED_TABLES = {
    **dict.fromkeys(
        [
            "checkpoint_refusals",
            "heartbeats",
            "job_runs",
            "jobs",
            "self_audit",
            "task_failures",
            "webhook_deliveries",
            "webhook_outcomes",
            "webhook_progress",
        ],
        _WORK,
    ),
    "webhooks": "where events are sent, which no event tells (docs/decisions/0078-webhooks.md)",
    **dict.fromkeys(
        [
            "analytics_checkpoints",
            "analytics_daily_sales",
            "analytics_expiry_rates",
            "analytics_funnel",
            "analytics_load_factor",
            "analytics_payment_outcomes",
            "analytics_refund_ageing",
            "analytics_refusal_rates",
            "analytics_refusals",
            "analytics_seats_over_time",
        ],
        _VIEW,
    ),
}
"""Tables and views of which no column is checked."""

REFUSALS = Unchecked(
    "commands",
    ["actor", "operation", "key", "fingerprint", "status", "body", "correlation_id"],
    "in rows of refused commands, which no event binds; only their form, order and time are checked",
)
SEALED = Unchecked(
    "people",
    ["lookup", "wrapped_key", "sealed_name"],
    "sealed names and texts were not decrypted: that needs --names and the master key",
)
REMOVED = Unchecked("checkpoints", [], "whether rows were removed; compare with saved ones: --against FILE")
FACTS = Unchecked(
    "facts",
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
    select coalesce('facts_' || b.projection, c.relname), a.attname, coalesce(not b.live, false)
    from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join facts_builds b on c.relname = 'facts_' || b.projection || '_' || b.build
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f')
    order by c.relname, a.attnum
"""


def read_columns(connection: Connection) -> list[Column]:
    """Return all columns of the schema of the ledger."""
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
