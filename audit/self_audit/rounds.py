"""Rounds of the self-audit: digests follow the log, and every range is compared with the views in turn."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from itertools import pairwise
from time import monotonic
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from loguru import logger
from psycopg.types.numeric import Int8

from audit.self_audit.beside_views import compare_beside
from audit.self_audit.expected_rows import COMPARE, Unfoldable
from audit.self_audit.folding import (
    CHUNK,
    GREATEST,
    LOWEST,
    apply_events,
    refold_range,
    reset_digests,
)
from audit.self_audit.round_state import RoundState
from audit.self_audit.seat_counts import compare_seats
from audit.verify.divergence import Divergence
from database.connection import Connection, socket_deadline
from ledger.keyring import NO_KEYRING, Keyring

RANGES_AT_ONCE = 8
"""Ranges compared in one transaction, some 40,000 rows, so that its snapshot is short."""

RENEW_SECONDS = 120
"""Interval at which the range refolded longest ago is refolded although its digest fits."""

BUSY_SECONDS = 1.0
"""Pause while another process holds the row lock."""

STEP_SECONDS_MAX = 30
"""Limit for a step; a slower one has lost its server."""


async def step(connection: Connection, eager: bool = False, keyring: Keyring = NO_KEYRING) -> float:
    """Do a part of a round, in one transaction. Return the seconds until the next step.

    The row lock elects the leader, as with followers of the log. With `eager`, a round begins before it is
    due, and compares the outcomes and facts of all ranges. The index of family names is compared if this is
    the keyring of the ledger. Raises psycopg.Error.
    """
    began = monotonic()
    try:
        async with connection.transaction():
            await connection.execute(_LIMITS, prepare=False)
            row = await (await connection.execute(_LOCKED)).fetchone()
            if row is None:
                if not await _restore_row(connection):
                    return BUSY_SECONDS
                row = await _row(connection, _LOCKED)
            *columns, now, head, is_same_log = row
            state: RoundState = RoundState(*columns)
            was = state.first_bad_position
            if (rest := state.rest_seconds(now)) and not eager:
                return rest
            await _continue_round(connection, state, now, head, is_same_log, eager, keyring)
            state.round_seconds += monotonic() - began
            if state.next is None:
                state.seconds = state.round_seconds
            await connection.execute(_KEEP, asdict(state))
    except psycopg.errors.SerializationFailure:
        # Another process has done a step since this transaction began.
        return BUSY_SECONDS
    _log(was, state)
    return 0.0 if eager else state.rest_seconds(now)


async def _restore_row(connection: Connection) -> bool:
    """Insert the row if it is missing, which restarts the audit. Return False if another session holds it."""
    if await (await connection.execute("select from self_audit")).fetchone() is not None:
        return False
    cursor = await connection.execute("insert into self_audit default values on conflict do nothing")
    if cursor.rowcount:
        logger.error("self_audit.row_missing")
    return bool(cursor.rowcount)


async def full_round(connection: Connection, keyring: Keyring = NO_KEYRING) -> None:
    """Run one whole round now, after the rest of a running round."""
    (since,) = await _row(connection, "select pg_catalog.clock_timestamp()")
    is_over = False
    while not is_over:
        with socket_deadline(connection, STEP_SECONDS_MAX):
            await asyncio.sleep(await step(connection, eager=True, keyring=keyring))
            (is_over,) = await _row(connection, _IS_OVER, (since,))


def _log(was: int | None, state: RoundState) -> None:
    """Log only the turns: while views differ, the reported position may change with every event."""
    if was is None and state.first_bad_position is not None:
        logger.bind(position=state.first_bad_position, reason=state.reason).error("self_audit.divergent")
    elif was is not None and state.first_bad_position is None:
        logger.bind(was=was).info("self_audit.agrees_again")


async def _continue_round(
    connection: Connection,
    state: RoundState,
    now: datetime,
    head: int,
    is_same_log: bool,
    eager: bool,
    keyring: Keyring,
) -> None:
    if not is_same_log:
        await _begin_anew(connection, state, now, head)
    elif state.position == 0 and head:
        # The digests begin with the log, whatever is stored.
        await reset_digests(connection)
    if state.next is None:
        state.begin(now, head)
    upto = min(state.position + CHUNK, head)
    if state.position < upto:
        try:
            state.newest = await apply_events(connection, state.position, upto, state.newest)
        except Unfoldable as problem:
            # Digests end here. The round is aborted, and the next one tries again.
            state.add_divergence(Divergence(problem.position, str(problem)), now)
            state.next = None
            return
        state.position = upto
        (state.hash,) = await _row(connection, _HASH, (upto,))
    if upto == head:
        await _compare(connection, state, now, head, eager, keyring)


async def _begin_anew(connection: Connection, state: RoundState, now: datetime, head: int) -> None:
    """Drop all digests and counts. The next steps compute them from the log again."""
    logger.bind(position=state.position, head=head).warning("self_audit.begun_anew")
    await reset_digests(connection)
    state.position, state.newest = 0, LOWEST
    state.begin(now, head)


async def _compare(
    connection: Connection, state: RoundState, now: datetime, head: int, eager: bool, keyring: Keyring
) -> None:
    assert state.next is not None
    if state.next < GREATEST and not await _compare_ranges(connection, state, now, head, eager, keyring):
        return
    if await compare_seats(connection, state, now, head):
        (flights,) = await _row(connection, "select count(*) from seats")
        state.round_rows += flights
        state.finish(now)


async def _compare_ranges(
    connection: Connection, state: RoundState, now: datetime, head: int, eager: bool, keyring: Keyring
) -> bool:
    """Compare the next ranges. Return whether all ranges of the round are compared now."""
    cursor = await connection.execute(COMPARE, (state.next, Int8(RANGES_AT_ONCE)), binary=True)
    ranges = await cursor.fetchall()
    if not _are_contiguous(ranges, state.next):
        # Ranges are missing or changed, so the digests say nothing about the views.
        await _begin_anew(connection, state, now, head)
        return False
    # While something differs all is compared, so that a finding stays until it is mended.
    every = eager or state.first_bad_position is not None
    for beside in await compare_beside(connection, ranges, every, head, keyring):
        state.add_divergence(beside, now)
    last = LOWEST
    is_due = state.renewed_at is None or abs(now - state.renewed_at) >= timedelta(seconds=RENEW_SECONDS)
    for first, last, rows, fits, is_oldest in ranges:
        state.round_rows += rows
        if not fits or (is_due and is_oldest):
            state.renewed_at = now
            divergence = await refold_range(connection, first, last, head)
            if divergence:
                state.add_divergence(divergence, now)
            elif not fits:
                logger.bind(first=str(first), last=str(last)).warning("self_audit.digest_renewed")
            # Refolding one range is enough for one transaction.
            break
    state.next = UUID(int=min(last.int + 1, GREATEST.int))
    return last == GREATEST


def _are_contiguous(ranges: Sequence[tuple[Any, ...]], first: UUID | None) -> bool:
    """Return whether the ranges begin at `first` and have no gap, and end with the greatest id if few."""
    bounds = [(one[0].int, one[1].int) for one in ranges]
    if not bounds or first is None or bounds[0][0] != first.int:
        return False
    is_complete = len(bounds) == RANGES_AT_ONCE or bounds[-1][1] == GREATEST.int
    return is_complete and all(one[1] + 1 == two[0] for one, two in pairwise(bounds))


async def _row(
    connection: Connection, statement: LiteralString | bytes, parameters: tuple[Any, ...] = ()
) -> Any:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row


# All waits are bounded. COMMIT does not wait for the disk, because the digests can be rebuilt from the log.
# Plans for small tables must not be reused for large ones.
_LIMITS: LiteralString = """
    set transaction isolation level repeatable read;
    set local statement_timeout = '20s';
    set local idle_in_transaction_session_timeout = '15s';
    set local lock_timeout = '5s';
    set local synchronous_commit = off;
    set local enable_seqscan = off;
    set local max_parallel_workers_per_gather = 0;
    set local cursor_tuple_fraction = 1;
    set local jit = off
"""
_NAMES = tuple(field.name for field in fields(RoundState))
_COLUMNS = ", ".join(_NAMES)
_LOCKED = f"""
    select {_COLUMNS}, pg_catalog.clock_timestamp(), (select coalesce(max(position), 0) from events),
        a.position = 0 or exists (
            select from events as e where e.position = a.position and e.hash = a.hash)
    from self_audit as a for update skip locked
""".encode()  # noqa: S608 - constants only
_KEEP = f"""
    update self_audit set ({_COLUMNS}) = ({", ".join(f"%({name})s" for name in _NAMES)})
""".encode()  # noqa: S608 - constants only
_HASH: LiteralString = "select hash from events where position = %s"
_IS_OVER: LiteralString = "select began_at > %s and next is null from self_audit"
