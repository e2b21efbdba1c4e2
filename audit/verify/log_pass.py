"""The first pass, in log order: positions, time, the hash chain, and the commands of the events.

The log is checked in ranges, in any number of processes. Each range starts from the fields of
the event before it, taken on trust. If the range before ends differently, the range is checked again from
that end. The result equals that of one walk from the first event to the last.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import LiteralString

from audit.verify.divergence import Divergence
from audit.verify.evidence import Evidence
from audit.verify.snapshot import Connection
from audit.verify.walk import START, RangeResult, Seam, check_range, seam_before

_CUTS: LiteralString = """
    select distinct (select min(first_position) - 1 from commands where first_position > cut)
    from generate_series(%s::bigint, %s::bigint, %s::bigint) as cut
"""
_ORDINAL = "select ordinal from events where position = %s"
_HEAD = "select coalesce(max(position), 0) from events"
# An outcome with a position past the end of the log: the tail of the log is gone.
_BEYOND = """
    select min(coalesce(first_position, last_position)) from commands
    where first_position > %(head)s or last_position > %(head)s
"""
# More accepted commands than matched ones: first positions are below 1, or shared by two commands.
_UNMATCHED = "select count(*) from commands where first_position is not null"

Range = tuple[int, int]
"""From after the first position up to the second."""


def ranges(connection: Connection, head: int, size: int) -> list[Range]:
    """Divide the log up to `head` into ranges of about `size` events, cut where a command begins."""
    rows = connection.execute(_CUTS, (size, head - 1, size)).fetchall()
    cuts = [0, *sorted(cut for (cut,) in rows if cut and 0 < cut < head), head]
    return list(pairwise(cuts))


def check_log(
    connection: Connection, parts: Sequence[Range], results: Iterable[RangeResult], evidence: Evidence
) -> Iterator[int]:
    """Join the results of the `parts`, yielding the number of checked events.

    Raises Divergence at the first event that fails.
    """
    end, matched = START, 0
    (lowest,) = connection.execute("select min(position) from events").fetchone() or (None,)
    if lowest is not None and lowest < 1:
        raise Divergence(lowest, f"positions are not dense: {lowest} stands where 1 should")
    for (_, last), result in zip(parts, results, strict=True):
        if result.begin != end:
            result = check_range(connection, end, last, evidence.reach())
        evidence.check(result.leaves)
        if result.divergence:
            raise min(evidence.doubtful() or result.divergence, result.divergence, key=attrgetter("position"))
        end, matched = result.end, matched + result.matched
        yield end.position
    if end.reached > end.position:
        raise _cut_off(end)
    evidence.check_end(end.position)
    _check_commands(connection, end.position, matched)
    yield end.position


def check_part(connection: Connection, first: int, last: int | None, size: int) -> Iterator[int]:
    """Check the events from `first` to `last` (None: to the end), trusting earlier events.

    Yield the number of checked events. Raises Divergence at the first event that fails, also if the log ends
    before `last`, or so early that `first` could not be the next event.
    """
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    if first > head + 1:
        # The caller continues from an earlier check, and the events that it covered are gone.
        raise Divergence(head + 1, f"the log ends at {head}")
    last = head if last is None else last
    row = connection.execute(_ORDINAL, (first,)).fetchone()
    # If `first` lies within a command, the walk starts at its first event.
    begin = max(first - (row[0] - 1), 1) if row else first
    end = seam_before(connection, begin)
    for upto in (*range(begin + size, min(head, last), size), last):
        result = check_range(connection, end, upto)
        if result.divergence:
            raise result.divergence
        end = result.end
        yield max(end.position - first + 1, 0)
    if end.position < last:
        raise Divergence(end.position + 1, f"the log ends at {head}")
    if last == head and end.reached > head:
        raise _cut_off(end)
    yield max(last - first + 1, 0)


def _cut_off(end: Seam) -> Divergence:
    return Divergence(end.position + 1, f"a command recorded events up to {end.reached}, the log ends here")


def _check_commands(connection: Connection, head: int, matched: int) -> None:
    row = connection.execute(_BEYOND, {"head": head}).fetchone()
    if row is not None and row[0] is not None:
        raise Divergence(
            head + 1, "a command's outcome names a position past the end: the tail of the log is gone"
        )
    row = connection.execute(_UNMATCHED).fetchone()
    if row is None or row[0] != matched:
        raise Divergence(head + 1, "a recorded command was accepted, but the log has no event of it")
