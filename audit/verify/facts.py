"""The analysts' facts in the second pass: the rows of some streams, compared with the fold of the log."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections import Counter
from collections.abc import Iterable
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql

from analytics.facts import PROJECTIONS, Projection
from audit.verify.divergence import Divergence
from audit.verify.snapshot import Connection
from audit.verify.views import Span

LIVE_BUILDS: LiteralString = """
    select b.projection, b.version, b.position, b.position = 0 or (e.hash = b.hash
        and e.recorded_at = b.recorded_at and b.written_at is not null) is true
    from facts_builds b left join events e on e.position = b.position where b.live
"""
_SPAN: LiteralString = """
    (select * from events where originator_id >= %(first)s
        and (%(end)s::uuid is null or originator_id < %(end)s))
"""
# Readers see the views, so the rows are read through them.
_SHOWN: LiteralString = """
    select {columns} from {name} where {stream} >= %(first)s
        and (%(end)s::uuid is null or {stream} < %(end)s)
"""
# Facts without a column for the stream are those at the positions of its events.
_SHOWN_AT: LiteralString = """
    select {columns} from {name}
    where position = any (array(select position from {events} as e where position <= %(upto)s))
"""
# Positions are dense, so any other position is outside the log.
_OUTSIDE: LiteralString = "select min(position) from {name} where position > %s or position < 1"
_COMPARE: LiteralString = """
    with folded ({columns}) as materialized ({fold}), shown as materialized ({shown}), differing as (
        (select * from folded except all select * from shown)
        union all (select * from shown except all select * from folded))
    select (select count(*) from folded), first.key::text,
        (select position from folded where {key} = first.key limit 1)
    from (select) as one left join lateral (
        select {key} as key from differing order by position limit 1) as first on true
"""
# All tables in one statement, which reads and decodes the events once. Two multisets of one size are equal if
# the first has no row that the second lacks.
_AGREE: LiteralString = """
    with span as materialized (
        select position, originator_id, originator_version, topic, recorded_at, state::jsonb as state
        from {span} as events
    ) {all}
"""
_AGREES: LiteralString = """
    (with folded ({columns}) as materialized ({fold}), shown as materialized ({shown})
    select {title}, (select count(*) from folded),
        (select count(*) from folded) = (select count(*) from shown)
        and not exists (select * from folded except all select * from shown))
"""
_ERRORS = (psycopg.DataError, psycopg.ProgrammingError)


class FactTable(NamedTuple):
    """A fact table that can be compared: its projection, and the position up to which it shows the log."""

    projection: Projection
    position: int


class LiveFacts(NamedTuple):
    """The fact tables that readers see. `outdated` were written by another version of their projection."""

    tables: list[FactTable]
    outdated: list[str]
    wrong: list[str]


def read_live_facts(connection: Connection) -> LiveFacts:
    """Return the live tables, and what is wrong with their checkpoints."""
    return live_facts(connection.execute(LIVE_BUILDS).fetchall())


def live_facts(builds: Iterable[tuple[Any, ...]]) -> LiveFacts:
    """Return the live tables, and what is wrong with their checkpoints, by the rows of LIVE_BUILDS."""
    live = LiveFacts([], [], [])
    found = {row[0]: row[1:] for row in builds}
    for name, projection in PROJECTIONS.items():
        version, position, fits = found.pop(name, (None, 0, True))
        if version is None:
            live.wrong.append(f"the facts {name} have no live table: run `seatledger migrate`")
        elif version != projection.version:
            live.outdated.append(name)
        elif not fits:
            live.wrong.append(
                f"the checkpoint of the facts {name} at position {position} is not the event there"
            )
        else:
            live.tables.append(FactTable(projection, position))
    return live


class FactsCheck:
    """Comparison of the facts of many streams, with the divergence of the lowest position."""

    def __init__(self, tables: list[FactTable], head: int) -> None:
        self.divergence: Divergence | None = None
        self._tables = tables
        self._head = head
        self._counts: Counter[str] = Counter()
        """Rows that each table must have."""

    def check(self, connection: Connection, span: Span) -> None:
        """Compare the facts of a span of streams with the log."""
        agreeing = self._count_agreeing(connection, span)
        self._counts.update(agreeing)
        for table in self._tables:
            if table.projection.name not in agreeing:
                self._compare(connection, span, table)

    def _count_agreeing(self, connection: Connection, span: Span) -> dict[str, int]:
        """Return the number of facts of each table that agrees with the log."""
        if not self._tables:
            return {}
        first, end = span
        values = {"first": first, "end": end, "after": 0}
        values.update({projection.name: upto for projection, upto in self._tables})
        try:
            with connection.transaction():
                rows = connection.execute(_agree(self._tables), values, prepare=False).fetchall()
        except _ERRORS:
            # Compared one by one, the table that cannot be compared is named.
            return {}
        return {name: count for name, count, agrees in rows if agrees}

    def _compare(self, connection: Connection, span: Span, table: FactTable) -> None:
        """Report the first fact of a table that differs from the log."""
        projection, upto = table
        first, end = span
        values = {"first": first, "end": end, "after": 0, "upto": upto}
        try:
            with connection.transaction():
                row = connection.execute(statement(projection), values, prepare=False).fetchone()
        except _ERRORS as error:
            # The fold of the streams names the event that cannot be read.
            what = f"the facts {projection.name} cannot be compared: {error.diag.message_primary}"
            self._report(self._head + 1, what)
            return
        assert row is not None
        count, key, position = row
        self._counts[projection.name] += count
        if key is not None:
            found = fact_differs(projection, key, position or self._head + 1)
            self._report(found.position, found.reason)

    def join(self, other: "FactsCheck") -> None:
        """Add the facts of other streams."""
        self._counts += other._counts
        if other.divergence:
            self._report(other.divergence.position, other.divergence.reason)

    def check_end(self, connection: Connection) -> None:
        """Check that no table has rows of no stream. Raises the Divergence with the lowest position."""
        for projection, _ in self._tables:
            if projection.stream is None and self.divergence is None:
                name = f"{projection.view}"
                (shown,) = connection.execute(f"select count(*) from {name}".encode()).fetchone() or (0,)
                folded = self._counts[projection.name]
                if shown != folded:
                    self._report(self._head + 1, f"{name} shows {shown} facts, and the log has {folded}")
        if self.divergence:
            raise self.divergence

    def _report(self, position: int, reason: str) -> None:
        if self.divergence is None or position < self.divergence.position:
            self.divergence = Divergence(position, reason)


def check_facts(
    connection: Connection, tables: list[FactTable], head: int, collected: Iterable[FactsCheck]
) -> None:
    """Join the comparisons of all spans. Raises the Divergence with the lowest position."""
    all_facts = FactsCheck(tables, head)
    for facts in collected:
        all_facts.join(facts)
    all_facts.check_end(connection)


def fact_differs(projection: Projection, key: str, position: int) -> Divergence:
    shown = f"{projection.key} {key} as the log has it"
    return Divergence(position, f"{projection.view} does not show {shown}")


def outside_log(projection: Projection) -> sql.Composed:
    """Return the query for the lowest position of a fact that is past a given position, or not positive."""
    return sql.SQL(_OUTSIDE).format(name=sql.Identifier(projection.view))


def statement(projection: Projection) -> sql.Composed:
    """Return the statement that compares the facts of some streams with the fold of their events.

    Its parameters are `first` and `end`, the ids of the first stream and of the first one after them or null,
    and `after` and `upto`, the positions of the events. It returns the number of facts that the log has, and
    of the first fact that differs the key, and the position if the log has it.
    """
    return sql.SQL(_COMPARE).format(**_parts(projection, projection.fold, _SPAN, "upto"))


def _agree(tables: Iterable[FactTable]) -> sql.Composed:
    """Return the statement that counts the facts of some streams, and tells which tables agree with the log.

    Its parameters are those of `statement`, but each position `upto` has the name of its table.
    """
    agrees = []
    for projection, _ in tables:
        parts = _parts(projection, projection.fold_all, "span", projection.name)
        agrees.append(sql.SQL(_AGREES).format(title=projection.name, **parts))
    return sql.SQL(_AGREE).format(span=sql.SQL(_SPAN), all=sql.SQL("union all").join(agrees))


def _parts(
    projection: Projection, fold: LiteralString, events: LiteralString, upto: LiteralString
) -> dict[str, sql.Composable]:
    """Return the parts of a comparison with the `fold` of `events`. The parameter `upto` has a position."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in projection.columns)
    shown = _SHOWN_AT if projection.stream is None else _SHOWN
    parts: dict[str, sql.Composable] = {
        "columns": columns,
        "name": sql.Identifier(projection.view),
        "key": sql.Identifier(projection.key),
        "stream": sql.Identifier(projection.stream or ""),
        "events": sql.SQL(events),
    }
    for name, part in (("fold", fold), ("shown", shown)):
        parts[name] = sql.SQL(part.replace("%(upto)s", f"%({upto})s")).format(**parts)
    return parts
