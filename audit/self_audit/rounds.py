"""Rounds: the digests follow the log, and range after range is compared with the views, for ever."""

import asyncio
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from loguru import logger
from psycopg.types.numeric import Int8

from audit.self_audit.folding import CHUNK, GREATEST, LOWEST, begin_anew, renew, take_up
from audit.self_audit.shown import COMPARE, Unfoldable
from audit.verify.wrong import Wrong
from database.connection import Connection, socket_deadline
from domain.seats import Seats

RANGES_AT_ONCE = 8
"""Ranges compared in one transaction, some 40,000 rows: its snapshot is short."""

REST_SECONDS_MIN, REST_SECONDS_MAX = 10, 30
SHARE = 0.01
"""A round is followed by the next one when so much of the time was work; never sooner or later than that."""

RENEW_SECONDS = 120
"""How often one range is folded anew although its digest fits, the one first where that was longest ago."""

BUSY_SECONDS = 1.0
"""When to ask again whether somebody else is still at it."""

STEP_SECONDS_MAX = 30
"""A step that takes longer has lost its server, which answers no more."""


@dataclass
class _State:
    """The row of ledger.self_audit, where the columns are told; then the time, and the head of the log."""

    position: int
    hash: bytes | None
    newest: UUID
    renewed_at: datetime | None
    began_at: datetime | None
    began_position: int | None
    next: UUID | None
    round_rows: int
    round_seconds: float
    round_bad_position: int | None
    round_reason: str | None
    finished_at: datetime | None
    finished_position: int | None
    rows: int | None
    seconds: float | None
    first_bad_position: int | None
    reason: str | None
    bad_since: datetime | None

    @property
    def rest_until(self) -> datetime | None:
        """When the next round is due; None: at once, or one is under way."""
        if self.next is not None or self.began_at is None:
            return None
        rest = min(max((self.seconds or 0) / SHARE, REST_SECONDS_MIN), REST_SECONDS_MAX)
        return self.began_at + timedelta(seconds=rest)

    def begin(self, now: datetime, head: int) -> None:
        self.began_at, self.began_position, self.next = now, head, LOWEST
        self.round_rows, self.round_seconds = 0, 0.0
        self.round_bad_position = self.round_reason = None

    def note(self, wrong: Wrong, now: datetime) -> None:
        """A difference is told at once; of several the lowest."""
        if self.round_bad_position is None or wrong.position < self.round_bad_position:
            self.round_bad_position, self.round_reason = wrong.position, wrong.reason
        if self.first_bad_position is None or wrong.position < self.first_bad_position:
            self._tell(wrong.position, wrong.reason, now)

    def finish(self, now: datetime) -> None:
        self.next, self.finished_at, self.finished_position = None, now, self.began_position
        self.rows, self.seconds = self.round_rows, self.round_seconds
        self._tell(self.round_bad_position, self.round_reason, now)

    def _tell(self, position: int | None, reason: str | None, now: datetime) -> None:
        self.bad_since = None if position is None else self.bad_since or now
        self.first_bad_position, self.reason = position, reason


_NAMES = tuple(field.name for field in fields(_State))


async def step(connection: Connection, eager: bool = False) -> float:
    """A part of a round, in one transaction; for how many seconds there is nothing to do then.

    The lock on the row is the leadership, as with projections that follow. Where none is under way, `eager`
    begins a round before it is due. Raises psycopg.Error.
    """
    began = monotonic()
    try:
        async with connection.transaction():
            await connection.execute(_LIMITS, prepare=False)
            row = await (await connection.execute(_LOCKED)).fetchone()
            if row is None:
                return BUSY_SECONDS
            *columns, now, head, is_same_log = row
            state: _State = _State(*columns)
            was = state.first_bad_position
            if state.rest_until and state.rest_until > now and not eager:
                return float((state.rest_until - now).total_seconds())
            await _go_on(connection, state, now, head, is_same_log)
            state.round_seconds += monotonic() - began
            if state.next is None:
                state.seconds = state.round_seconds
            await connection.execute(_KEEP, asdict(state))
    except psycopg.errors.SerializationFailure:
        # Somebody else has been at it since this transaction began.
        return BUSY_SECONDS
    _log(was, state)
    return 0.0


async def full_round(connection: Connection) -> None:
    """One round from beginning to end, now; what is left of one under way comes before it."""
    (since,) = await _row(connection, "select clock_timestamp()")
    is_over = False
    while not is_over:
        with socket_deadline(connection, STEP_SECONDS_MAX):
            await asyncio.sleep(await step(connection, eager=True))
            (is_over,) = await _row(connection, _IS_OVER, (since,))


def _log(was: int | None, state: _State) -> None:
    """Turns only: while views differ, what is named may change with every event."""
    if was is None and state.first_bad_position is not None:
        logger.bind(position=state.first_bad_position, reason=state.reason).error("self_audit.divergent")
    elif was is not None and state.first_bad_position is None:
        logger.bind(was=was).info("self_audit.agrees_again")


async def _go_on(connection: Connection, state: _State, now: datetime, head: int, is_same_log: bool) -> None:
    if not is_same_log:
        logger.bind(position=state.position, head=head).warning("self_audit.begun_anew")
        await begin_anew(connection)
        state.position, state.newest, state.next = 0, LOWEST, None
    if state.next is None:
        state.begin(now, head)
    upto = min(state.position + CHUNK, head)
    if state.position < upto:
        try:
            state.newest = await take_up(connection, state.position, upto, state.newest)
        except Unfoldable as problem:
            # No digest can be told past it. The round is off, and the next one tries again.
            state.note(Wrong(problem.position, str(problem)), now)
            state.next = None
            return
        state.position = upto
        (state.hash,) = await _row(connection, _HASH, (upto,))
    if upto == head:
        await _compare(connection, state, now, head)


async def _compare(connection: Connection, state: _State, now: datetime, head: int) -> None:
    cursor = await connection.execute(COMPARE, (state.next, Int8(RANGES_AT_ONCE)), binary=True)
    ranges = await cursor.fetchall()
    is_due = state.renewed_at is None or now - state.renewed_at >= timedelta(seconds=RENEW_SECONDS)
    for first, last, rows, fits, is_oldest in ranges:
        state.round_rows += rows
        if not fits or (is_due and is_oldest):
            state.renewed_at = now
            wrong = await renew(connection, first, last, head)
            if wrong:
                state.note(wrong, now)
            elif not fits:
                logger.bind(first=str(first), last=str(last)).warning("self_audit.digest_renewed")
            # That takes long enough for one transaction.
            break
    if last < GREATEST:
        state.next = UUID(int=last.int + 1)
        return
    for flight_id, *counts, position in await (await connection.execute(_SEATS)).fetchall():
        state.note(_seats_differ(flight_id, counts[:3], counts[3:], position, head), now)
    (flights,) = await _row(connection, "select count(*) from ledger.seats")
    state.round_rows += flights
    state.finish(now)


def _seats_differ(
    flight_id: UUID, shown: list[Any], folded: list[Any], position: int | None, head: int
) -> Wrong:
    """In the words of `verify`."""
    if position is None:
        reason = f"seats are counted for flight {flight_id}, of which the log has no event"
        return Wrong(head + 1, reason)
    recorded, counted = (None if counts[0] is None else Seats(*counts) for counts in (shown, folded))
    return Wrong(position, f"seats of {flight_id}: {recorded}, the log says {counted}")


async def _row(connection: Connection, statement: LiteralString, parameters: tuple[Any, ...] = ()) -> Any:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row


# Nothing takes for ever, and nothing waits for the disk: what a crash takes can be made again from the log.
# Plans for small tables must not be kept for large ones.
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
_COLUMNS = ", ".join(_NAMES)
_LOCKED = f"""
    select {_COLUMNS}, clock_timestamp(), (select coalesce(max(position), 0) from ledger.events),
        a.position = 0 or exists (
            select from ledger.events as e where e.position = a.position and e.hash = a.hash)
    from ledger.self_audit as a for update skip locked
""".encode()  # noqa: S608 - constants only
_KEEP = f"""
    update ledger.self_audit set ({_COLUMNS}) = ({", ".join(f"%({name})s" for name in _NAMES)})
""".encode()  # noqa: S608 - constants only
_HASH: LiteralString = "select hash from ledger.events where position = %s"
_IS_OVER: LiteralString = "select began_at > %s and next is null from ledger.self_audit"
_SEATS: LiteralString = """
    select coalesce(s.flight_id, a.flight_id), s.seats, s.held, s.booked,
        a.seats, a.held, a.booked, a.position
    from ledger.seats as s full join ledger.audited_seats as a on a.flight_id = s.flight_id
    where (s.seats, s.held, s.booked) is distinct from (a.seats, a.held, a.booked)
    order by a.position limit 1
"""
