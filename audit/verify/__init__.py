"""Verify: all that an auditor may ask of the log and its views, in three streaming passes over one moment."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any, NamedTuple

import msgspec

from audit.proofs.checkpoint import Checkpoint
from audit.verify.evidence import Evidence
from audit.verify.fold_pass import check_folds, spans
from audit.verify.folds import Folds
from audit.verify.log_pass import Range, check_log, check_part, ranges
from audit.verify.moment import Connection, moment, snapshot_of
from audit.verify.people_pass import Share, check_people, check_sealed
from audit.verify.views import Span
from audit.verify.walk import Checked, check_range, seam_before
from audit.verify.workers import CutShort, side_by_side
from audit.verify.wrong import Wrong
from ledger.keyring import NO_KEYRING, Keyring

__all__ = ["CutShort", "Verification", "verify", "verify_events", "verify_part"]

EVENTS_AT_ONCE = 5_000
"""What a process has in memory: so many events, and the rows that views have of them. More is no faster."""

EVENTS_ALONE_MAX = 100_000
"""To start processes for fewer would take longer than it saves."""

WORKERS_MAX = 8

Progress = Callable[[int, int], None]
"""Called now and then with steps done and steps in all; each event counts twice, in two of the passes."""


class _End(NamedTuple):
    """A process's last result: what it has collected of its streams, and what is wrong with its people."""

    folds: Folds
    people: Wrong | None


class Verification(msgspec.Struct, frozen=True):
    """`checked` events; `first_bad_position` and `reason` say what is wrong when it is not `ok`.

    A position past the head names an event that ought to be there.
    """

    ok: bool
    checked: int
    first_bad_position: int | None
    reason: str | None


def verify(
    url: str,
    progress: Progress = lambda done, of: None,
    saved: Sequence[Checkpoint] = (),
    workers: int | None = None,
    keyring: Keyring = NO_KEYRING,
) -> Verification:
    """Check the whole ledger as of one moment, while it is being written or not.

    First pass, in log order: dense positions, time, the hash chain, and that every event belongs to the
    command whose outcome it commits to; with the tree, the stored one, the checkpoints in the database and
    those `saved` elsewhere, whose signatures the caller has checked. Second pass, stream by stream: dense
    versions, and that views and seat counts equal the fold of the log, no flight was ever oversold, and
    nobody who waited was passed over. Last, that every pseudonym stands for somebody and, with a
    `keyring`, that what is sealed opens.
    `workers` processes share the work; None: one for each core, or none of its own where there is little.
    Memory does not grow with the log but for 16 bytes a booking, and some 300 for each party that waited.
    Raises psycopg.Error when the database cannot be read, CutShort when a process died.
    """
    with moment(url) as connection:
        (total, head) = _row(connection, "select count(*), coalesce(max(position), 0) from ledger.events")
        # Positions with holes are no measure of the work: it is not divided, and the first hole ends it.
        size = EVENTS_AT_ONCE if total == head else head or 1
        parts = ranges(connection, head, size)
        shares = _shares(workers or _workers(total), parts, spans(connection, head, size))
        evidence = Evidence(connection, saved)
        seen = url, snapshot_of(connection), keyring, head, evidence.reach()
        checked = 0
        with side_by_side(_check_share, [(*seen, *share) for share in shares]) as found:
            try:
                in_turn = _in_turn(found)
                checks = islice(in_turn, len(parts))
                for checked in check_log(connection, parts, checks, evidence):
                    progress(checked, 2 * total)
                ends: list[_End] = []
                for done in accumulate(_but_ends(in_turn, ends)):
                    progress(total + done, 2 * total)
                check_folds(connection, head, [end.folds for end in ends])
                check_people(connection, [end.people for end in ends])
            except Wrong as wrong:
                return Verification(False, checked, wrong.position, wrong.reason)
        return Verification(True, checked, None, None)


def verify_part(url: str, first: int, last: int | None) -> Verification:
    """Positions, time, chain and commands of the events from `first` to `last` (None: to the end).

    What stands before is taken on trust, and views are not looked at: they show the end of the log only.
    """
    with moment(url) as connection:
        done = [0]
        try:
            done.extend(check_part(connection, first, last, EVENTS_AT_ONCE))
        except Wrong as wrong:
            return Verification(False, done[-1], wrong.position, wrong.reason)
        return Verification(True, done[-1], None, None)


def verify_events(url: str, positions: Sequence[int], seconds_max: float) -> Verification:
    """The same for single events, each with the other events of its command; `positions` in order.

    Raises psycopg.Error, also when one question takes longer.
    """
    runs: list[list[int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    checked = 0
    with moment(url) as connection:
        connection.execute(f"set local statement_timeout = {int(seconds_max * 1000)}")
        for first, last in runs:
            try:
                for _ in check_part(connection, first, last, EVENTS_AT_ONCE):
                    pass
            except Wrong as wrong:
                return Verification(False, checked, wrong.position, wrong.reason)
            checked += last - first + 1
    return Verification(True, checked, None, None)


def _workers(events: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if events < EVENTS_ALONE_MAX else min(cores, WORKERS_MAX)


def _shares(
    workers: int, parts: Sequence[Range], spans: Sequence[Span]
) -> list[tuple[Share, Sequence[Range], Sequence[Span]]]:
    """Every so-manieth range and span: all processes then are at about the same place of the log."""
    return [((number, workers), parts[number::workers], spans[number::workers]) for number in range(workers)]


def _check_share(
    url: str,
    snapshot: str,
    keyring: Keyring,
    head: int,
    leaves_upto: int,
    share: Share,
    parts: Sequence[Range],
    spans: Sequence[Span],
) -> Generator[Checked | int | _End, None, None]:
    """One process's work: its ranges of the log, each as found, then its streams, then its people."""
    with moment(url, snapshot) as connection:
        for after, upto in parts:
            yield check_range(connection, seam_before(connection, after + 1), upto, leaves_upto)
        folds = Folds(head)
        for span in spans:
            yield folds.check(connection, span)
        yield _End(folds, check_sealed(connection, keyring, share))


def _in_turn(found: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """One result of each, again and again, until there are no more: in the order of the log."""
    going = deque(found)
    while going:
        results = going.popleft()
        for one in islice(results, 1):
            going.append(results)
            yield one


def _but_ends(found: Iterable[Any], ends: list[_End]) -> Iterator[int]:
    """Numbers of events; each process's last result goes to `ends`."""
    for one in found:
        if isinstance(one, _End):
            ends.append(one)
        else:
            yield one


def _row(connection: Connection, statement: Any) -> Any:
    return connection.execute(statement).fetchone()
