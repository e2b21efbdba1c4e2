"""Verification of the log, its views and its people, in three streaming passes over one snapshot."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from itertools import accumulate, chain, islice
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from audit.proofs.checkpoint import Checkpoint
from audit.verify.beside import find_beside
from audit.verify.coverage import SEALED, Unchecked, list_unchecked
from audit.verify.divergence import Divergence
from audit.verify.evidence import Evidence, Keys
from audit.verify.facts import FactsCheck, FactTable, LiveFacts, check_facts, read_live_facts
from audit.verify.fold_pass import check_folds, spans
from audit.verify.folds import Folds
from audit.verify.log_pass import Range, check_log, check_part, ranges
from audit.verify.people_pass import Share, check_people, check_sealed
from audit.verify.snapshot import Connection, export_snapshot, open_snapshot
from audit.verify.views import Span
from audit.verify.walk import RangeResult, check_range, seam_before
from audit.verify.workers import WorkerDied, run_in_parallel
from ledger.keyring import NO_KEYRING, Keyring
from ledger.people import MASTER_KEY_CHECK

__all__ = ["Verification", "WorkerDied", "verify", "verify_events", "verify_part"]

EVENTS_AT_ONCE = 5_000
"""Events that a process holds in memory, with their rows in the views. More is no faster."""

EVENTS_ALONE_MAX = 100_000
"""For fewer events, starting processes takes longer than it saves."""

WORKERS_MAX = 8

Progress = Callable[[int, int], None]
"""Called with the steps done and the total; each event counts twice, once in each of two passes."""


class _End(NamedTuple):
    """The last result of a worker process: its folds, facts, and the first divergence among its people."""

    folds: Folds
    facts: FactsCheck
    people: Divergence | None


class Verification(msgspec.Struct, frozen=True, omit_defaults=True):
    """Result over `checked` events. Unless it is `ok`, `first_bad_position` and `reason` name the divergence.

    A position past the head stands for a missing event, or for an object beside the log that differs.
    `unchecked` lists all columns of the database that no rule checks.
    """

    ok: bool
    checked: int
    first_bad_position: int | None
    reason: str | None
    unchecked: list[Unchecked] = []


def verify(
    url: str,
    progress: Progress = lambda done, of: None,
    saved: Sequence[Checkpoint] = (),
    workers: int | None = None,
    keyring: Keyring = NO_KEYRING,
    keys: Keys = MappingProxyType({}),
) -> Verification:
    """Check the whole ledger as of one snapshot, also while it is being written.

    First pass, in log order: dense positions, time, the hash chain, and that every event belongs to a
    command and commits to its outcome. The pass also compares the log with the stored tree, with the
    checkpoints in the database, and with those `saved` elsewhere; the caller has checked their signatures.
    `keys` are the public keys by id that check the signatures of the checkpoints in the database.
    Second pass, stream by stream: dense versions; views and seat counts equal the fold of the log; no flight
    was ever oversold; no waiting party was passed over. Third pass: every pseudonym stands for a person and,
    with the ledger's `keyring`, sealed names and texts decrypt.

    `workers` processes share the work. None means one for each core, or this process alone for small logs.
    Memory grows by 16 bytes a booking and about 300 bytes a waiting party, not with the log.
    Raises psycopg.Error if the database cannot be read, WorkerDied if a process ends early.
    """
    with open_snapshot(url) as connection:
        (total, head) = _row(connection, "select count(*), coalesce(max(position), 0) from events")
        # With holes, positions do not measure the work. It is not divided then, and stops at the first hole.
        size = EVENTS_AT_ONCE if total == head else head or 1
        parts = ranges(connection, head, size)
        workers = workers or _workers(total)
        shares = _shares(workers, parts, spans(connection, head, size))
        # For few events, opening two more connections takes longer than they save.
        own = connection if workers == 1 and total < EVENTS_ALONE_MAX else None
        evidence = Evidence(connection, saved, keys)
        live = read_live_facts(connection)
        common = own, url, export_snapshot(connection), keyring, head, evidence.reach(), live.tables
        checked = 0
        with run_in_parallel(_check_share, [(*common, *share) for share in shares]) as streams:
            try:
                results = _round_robin(streams)
                checks = islice(results, len(parts))
                for checked in check_log(connection, parts, checks, evidence):
                    progress(checked, 2 * total)
                ends: list[_End] = []
                for done in accumulate(_without_ends(results, ends)):
                    progress(total + done, 2 * total)
                _raise_lowest(
                    partial(check_folds, connection, head, [end.folds for end in ends]),
                    partial(check_facts, connection, live.tables, head, [end.facts for end in ends]),
                    partial(check_people, connection, [end.people for end in ends]),
                    partial(_check_beside, head, [*evidence.altered, *live.wrong], find_beside(connection)),
                )
                found = None
            except Divergence as divergence:
                found = divergence
        unchecked = [*list_unchecked(connection), *_unchecked_now(connection, keyring, evidence, live)]
        if found:
            return Verification(False, checked, found.position, found.reason, unchecked)
        return Verification(True, checked, None, None, unchecked)


def verify_part(url: str, first: int, last: int | None) -> Verification:
    """Check positions, time, chain and commands of the events from `first` to `last` (None: to the end).

    Earlier events are trusted. Views are not checked, because they show only the end of the log.
    """
    with open_snapshot(url) as connection:
        done = [0]
        try:
            done.extend(check_part(connection, first, last, EVENTS_AT_ONCE))
        except Divergence as divergence:
            return Verification(False, done[-1], divergence.position, divergence.reason)
        return Verification(True, done[-1], None, None)


def verify_events(url: str, positions: Sequence[int], seconds_max: float) -> Verification:
    """Check single events as `verify_part` does, with all events of their commands; `positions` are sorted.

    Raises psycopg.Error, also when one statement takes longer than `seconds_max`.
    """
    runs: list[list[int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    checked = 0
    with open_snapshot(url) as connection:
        connection.execute(f"set local statement_timeout = {int(seconds_max * 1000)}")
        for first, last in runs:
            try:
                for _ in check_part(connection, first, last, EVENTS_AT_ONCE):
                    pass
            except Divergence as divergence:
                return Verification(False, checked, divergence.position, divergence.reason)
            checked += last - first + 1
    return Verification(True, checked, None, None)


def _raise_lowest(*checks: Callable[[], None]) -> None:
    """Run all checks, and raise the Divergence with the lowest position, of several the first."""
    found = []
    for check in checks:
        try:
            check()
        except Divergence as divergence:
            found.append(divergence)
    if found:
        raise min(found, key=attrgetter("position"))


def _unchecked_now(
    connection: Connection, keyring: Keyring, evidence: Evidence, live: LiveFacts
) -> Iterator[Unchecked]:
    """Yield what this run could not check, for want of a key or of facts by the present version."""
    row = connection.execute(MASTER_KEY_CHECK).fetchone()
    if row is not None and row[0] != keyring.check:
        yield SEALED
    for key, count in evidence.unknown_keys.items():
        reason = f"the public key {key} of {count} checkpoints is not at hand: --key PEM"
        yield Unchecked("checkpoints", ["time", "key", "signature"], reason)
    for name in live.outdated:
        reason = f"the facts are those of another version of this program: run `seatledger rebuild {name}`"
        yield Unchecked(f"analytics_{name}", [], reason)


def _check_beside(head: int, *reasons: Iterable[str]) -> None:
    """Raise the first reason, as a Divergence past the head: no event is at fault."""
    for reason in chain(*reasons):
        raise Divergence(head + 1, reason)


def _workers(events: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if events < EVENTS_ALONE_MAX else min(cores, WORKERS_MAX)


def _shares(
    workers: int, parts: Sequence[Range], spans: Sequence[Span]
) -> list[tuple[Share, Sequence[Range], Sequence[Span]]]:
    """Deal ranges and spans out in turn, so that all processes are at about the same place of the log."""
    return [((number, workers), parts[number::workers], spans[number::workers]) for number in range(workers)]


def _check_share(
    own: Connection | None,
    url: str,
    snapshot: str,
    keyring: Keyring,
    head: int,
    leaves_upto: int,
    tables: list[FactTable],
    share: Share,
    parts: Sequence[Range],
    spans: Sequence[Span],
) -> Generator[RangeResult | int | _End, None, None]:
    """Check the ranges of one share, yielding each result; then its streams; then its people.

    PostgreSQL compares the facts of a span on a second connection while Python folds its streams, unless this
    process has its `own` connection for both.
    """
    with (
        nullcontext(own) if own else open_snapshot(url, snapshot) as connection,
        nullcontext(own) if own else open_snapshot(url, snapshot) as second,
        ThreadPoolExecutor(1) as beside,
    ):
        for after, upto in parts:
            yield check_range(connection, seam_before(connection, after + 1), upto, leaves_upto)
        folds, facts = Folds(head), FactsCheck(tables, head)
        for span in spans:
            compared = beside.submit(facts.check, second, span)
            if own:
                wait([compared])
            yield folds.check(connection, span)
            compared.result()
        yield _End(folds, facts, check_sealed(connection, keyring, share))


def _round_robin(streams: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """Yield one result of each iterator in turn until all end: the order of the log."""
    going = deque(streams)
    while going:
        results = going.popleft()
        for one in islice(results, 1):
            going.append(results)
            yield one


def _without_ends(results: Iterable[Any], ends: list[_End]) -> Iterator[int]:
    """Yield the numbers of events; append the last result of each process to `ends`."""
    for one in results:
        if isinstance(one, _End):
            ends.append(one)
        else:
            yield one


def _row(connection: Connection, statement: Any) -> Any:
    return connection.execute(statement).fetchone()
