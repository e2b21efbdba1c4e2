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

    `apply` takes up the events past position `after`, up to `upto`, whichever they are: for each stream that
    they touch it works out the rows again from the whole stream as it stood at `upto`. So a row depends on
    the log and on nothing else, and following and rebuilding are the same. `{table}` is the table.

    A change to `columns`, `indexes` or `apply` is a new `version`. Columns may be added at the end only,
    since views stand on them; for anything else make a projection of another name.
    """

    name: LiteralString
    version: int
    comment: LiteralString
    topics: tuple[LiteralString, ...]
    columns: tuple[Column, ...]
    key: LiteralString
    indexes: tuple[LiteralString, ...]
    apply: LiteralString


EVENT: LiteralString = """
    e.position, e.originator_id, e.originator_version, e.topic, e.recorded_at, e.state::jsonb as state
"""


def streams(topics: LiteralString) -> LiteralString:
    """Starts an apply statement: `stream` holds those events, of every stream that the batch touches.

    `topics` is a condition on `e.topic` that holds for the first event of a stream. Streams that begin in the
    batch are all in it; of the others, what came before is looked up, by stream alone and never by position
    (hence the zero): an index over all positions so far would be read whole.

    Statements fold by grouping and never join `stream` to itself: its size is not known when that is planned.
    """
    return f"""
    with batch as materialized (
        select {EVENT} from ledger.events as e
        where e.position > %(after)s and e.position <= %(upto)s and {topics}
    ), stream as materialized (
        select * from batch
        union all
        select {EVENT} from ledger.events as e
        where e.originator_id = any (array(
                select originator_id from batch group by originator_id having min(originator_version) > 1))
            and e.position + 0 <= %(after)s and {topics}
    )
    """  # noqa: S608 - constants only
