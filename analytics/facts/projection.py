"""Definition of a projection: its columns, and the one statement that applies a batch."""

from dataclasses import dataclass
from typing import LiteralString, NamedTuple


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `is_free_text`: callers or a gateway write it, so it may look like a formula."""

    name: LiteralString
    type: LiteralString
    comment: LiteralString
    is_free_text: bool = False


class Streams(NamedTuple):
    """Two ways to begin a fold: `stream` holds the matching events of some streams, up to position `upto`.

    `touched`: of all streams with events after position `after`. `all`: of all streams, as of position 0.
    """

    touched: LiteralString
    all: LiteralString


@dataclass(frozen=True, slots=True)
class Projection:
    """One table of facts.

    `fold` selects the rows for the events after position `after`, up to `upto`. For each stream that these
    events touch it computes the rows again from the whole stream up to `upto`. So a row depends on the log
    alone, and following, rebuilding and reading a past state use one statement. `{events}` stands for the
    log, or a part of it. It begins with `streams` and ends with `rows`, queries over `stream`. The field
    `stream` is the column with the id of a row's stream; None means that rows never change.

    A change of `columns`, or of the rows that `fold` selects, needs a new `version`. Columns may only be
    added at the end, because views depend on them; any other change needs a projection with another name.
    Changed `indexes` come with the next build.
    """

    name: LiteralString
    version: int
    comment: LiteralString
    topics: tuple[LiteralString, ...]
    columns: tuple[Column, ...]
    key: LiteralString
    stream: LiteralString | None
    indexes: tuple[LiteralString, ...]
    streams: Streams
    rows: LiteralString

    @property
    def view(self) -> LiteralString:
        """The name of the view that analysts read."""
        return f"analytics_{self.name}"

    @property
    def fold(self) -> LiteralString:
        return f"{self.streams.touched}, {self.rows}"

    @property
    def fold_all(self) -> LiteralString:
        """The same for all streams in `{events}`, each of them complete."""
        return f"{self.streams.all}, {self.rows}"

    @property
    def apply(self) -> LiteralString:
        """The statement that applies a batch: `fold` into `{table}`.

        The condition always holds. A cluster writes out INSERT of SELECT wrongly for a node (Citus 13.2), but
        not if the statement calls a volatile function.
        """
        insert = f"insert into {{table}} select * from ({self.fold}) as folded {_ALWAYS}"  # noqa: S608
        if self.stream is None:
            return insert
        changes = ", ".join([f"{c.name} = excluded.{c.name}" for c in self.columns if c.name != self.key])
        return f"{insert} on conflict ({self.key}) do update set {changes}"


_ALWAYS: LiteralString = "where clock_timestamp() is not null"


def by_time(*columns: LiteralString) -> LiteralString:
    """Return an index for ranges of times that grow with the table, in some order of their own.

    It costs an insert a quarter of what a sorted index costs, and allows updates in place.
    """
    return f"using brin ({', '.join(columns)}) with (autosummarize = on)"


EVENT: LiteralString = """
    e.position, e.originator_id, e.originator_version, e.topic, e.recorded_at, e.state::jsonb as state
"""


def touched_streams(touches: LiteralString, topics: LiteralString) -> Streams:
    """Return the start of a fold over the streams that a batch touches by few events.

    `touches` and `topics` are conditions on an event `e`: the former on an event of the batch, the latter on
    those of the streams. All are found by stream, which is fast if the batch touches few streams.
    """
    touched: LiteralString = f"""
    with touched as materialized (
        select distinct e.originator_id from {{events}} as e
        where e.position > %(after)s and e.position <= %(upto)s and {touches}
    ), stream as materialized (
        select {EVENT} from {{events}} as e
        where e.originator_id = any (array(select originator_id from touched)) and e.position + 0 <= %(upto)s
            and {topics}
    )
    """  # noqa: S608 - constants only
    return Streams(touched, _all(topics))


def streams(topics: LiteralString) -> Streams:
    """Return the start of a fold over the streams that a batch touches.

    `topics` is a condition on `e.topic` that holds for the first event of a stream. Streams that begin in the
    batch are complete in it. Earlier events of the others are found by stream and not by position (hence
    `+ 0`), which would read the whole index over positions. After position 0 there are none to look for.

    Statements fold by grouping and never join `stream` to itself, because the planner does not know its size.
    """
    touched: LiteralString = f"""
    with batch as materialized (
        select {EVENT} from {{events}} as e
        where e.position > %(after)s and e.position <= %(upto)s and {topics}
    ), stream as (
        select * from batch
        union all
        select {EVENT} from {{events}} as e
        where %(after)s > 0 and e.originator_id = any (array(
                select originator_id from batch group by originator_id having min(originator_version) > 1))
            and e.position + 0 <= %(after)s and {topics}
    )
    """  # noqa: S608 - constants only
    return Streams(touched, _all(topics))


def _all(topics: LiteralString) -> LiteralString:
    return f"""
    with stream as (select {EVENT} from {{events}} as e where e.position <= %(upto)s and {topics})
    """  # noqa: S608 - constants only
