"""A projection that follows the log: its columns, and the one statement that takes up a batch."""

from dataclasses import dataclass
from typing import LiteralString


@dataclass(frozen=True, slots=True)
class Column:
    name: LiteralString
    type: LiteralString
    comment: LiteralString


@dataclass(frozen=True, slots=True)
class Projection:
    """One table of facts.

    `fold` selects rows, all columns in order, from the events past position `after`, up to `upto`, whichever
    they are: for each stream that they touch it works out the rows again from the whole stream as it stood at
    `upto`. So a row depends on the log and on nothing else, and following, rebuilding and looking back are
    the same. `{events}` is the log, or a part of it. `stream` is the column that names a row's stream; None:
    a row never changes once it is there.

    A change to `columns`, `indexes` or `fold` is a new `version`. Columns may be added at the end only,
    since views stand on them; for anything else make a projection of another name.
    """

    name: LiteralString
    version: int
    comment: LiteralString
    topics: tuple[LiteralString, ...]
    columns: tuple[Column, ...]
    key: LiteralString
    stream: LiteralString | None
    indexes: tuple[LiteralString, ...]
    fold: LiteralString

    @property
    def apply(self) -> LiteralString:
        """Takes up a batch: `fold` into `{table}`."""
        if self.stream is None:
            return "insert into {table}" + self.fold
        changes = ", ".join([f"{c.name} = excluded.{c.name}" for c in self.columns if c.name != self.key])
        return "insert into {table}" + self.fold + f"on conflict ({self.key}) do update set {changes}"


EVENT: LiteralString = """
    e.position, e.originator_id, e.originator_version, e.topic, e.recorded_at, e.state::jsonb as state
"""


def streams(topics: LiteralString) -> LiteralString:
    """Starts a fold: `stream` holds those events, of every stream that the batch touches.

    `topics` is a condition on `e.topic` that holds for the first event of a stream. Streams that begin in the
    batch are all in it; of the others, what came before is looked up, by stream alone and never by position
    (hence the zero): an index over all positions so far would be read whole.

    Statements fold by grouping and never join `stream` to itself: its size is not known when that is planned.
    """
    return f"""
    with batch as materialized (
        select {EVENT} from {{events}} as e
        where e.position > %(after)s and e.position <= %(upto)s and {topics}
    ), stream as materialized (
        select * from batch
        union all
        select {EVENT} from {{events}} as e
        where e.originator_id = any (array(
                select originator_id from batch group by originator_id having min(originator_version) > 1))
            and e.position + 0 <= %(after)s and {topics}
    )
    """  # noqa: S608 - constants only
