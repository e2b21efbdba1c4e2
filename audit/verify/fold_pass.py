"""The second pass, stream by stream: versions, and views and seat counts against the fold of the log."""

from collections.abc import Iterable
from uuid import UUID

from audit.verify.folds import Folds
from audit.verify.snapshot import Connection
from audit.verify.views import Span

_SAMPLES = 16
"""Ids sampled for each cut."""

_IDS = """
    select originator_id from events
    where position = any(array(select generate_series(%s::bigint, %s::bigint, %s::bigint)))
"""


def spans(connection: Connection, head: int, size: int) -> list[Span]:
    """Divide all possible stream ids into spans of about `size` events each."""
    step = max(size // _SAMPLES, 1)
    sampled = sorted(id for (id,) in connection.execute(_IDS, (step, head, step)))
    each = max(size // step, 1)
    cuts = [UUID(int=0), *sorted(set(sampled[each::each]))]
    return list(zip(cuts, [*cuts[1:], None], strict=True))


def check_folds(connection: Connection, head: int, collected: Iterable[Folds]) -> None:
    """Join the folds of all spans. Raises the Divergence with the lowest position."""
    all_folds = Folds(head)
    for folds in collected:
        all_folds.join(folds)
    all_folds.check_end(connection)
    if all_folds.divergence:
        raise all_folds.divergence
