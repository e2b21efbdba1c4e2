"""One batch: the rows that a range of events makes, and the checkpoint behind it, in one transaction."""

from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from analytics.facts import Projection
from analytics.follower.builds import key, table
from analytics.follower.poison import POISON, Unreadable, park
from database.connection import Connection
from ledger.codec import EVENT_TYPES

STATEMENT_SECONDS_MAX = 20
SEVERED_SECONDS = STATEMENT_SECONDS_MAX + 10
"""A batch that takes longer has lost its server, which answers no more: the connection is cut off."""

LOG = sql.Identifier("ledger", "events")

FROZEN_SECONDS_MAX = 15
"""Whoever is silent for so long in mid-batch loses it, and another takes over."""


class Checkpoint(NamedTuple):
    """Where a build stands: the position it has taken up, the head of the log, why it is parked if it is."""

    build: int
    version: int
    position: int
    head: int
    hash: bytes | None
    error: str | None

    @property
    def is_behind(self) -> bool:
        return self.position < self.head


async def advance(
    connection: Connection, projection: Projection, build: int | None, limit: int, retry: bool = False
) -> Checkpoint | None:
    """Take up at most `limit` events in a transaction of its own; None when somebody else is at it.

    `build` None is the one that readers see. What is parked, or of another version, stays as it is; `retry`
    tries what is parked. The lock on the checkpoint's row is the leadership: it lasts as long as the
    transaction, so it cannot be left behind, and holds through poolers that share connections.
    Raises Unreadable, and psycopg.Error of whatever kind.
    """
    async with connection.transaction():
        await limit_batch(connection)
        at = await checkpoint(connection, projection, build)
        if at is None or at.version != projection.version or (at.error and not retry):
            return at
        return await take_up(connection, projection, at, limit)


async def advance_or_park(
    connection: Connection, projection: Projection, build: int | None, limit: int, retry: bool = False
) -> Checkpoint | None:
    """As `advance`, with smaller and smaller batches where one fails, until a single event is to blame.

    Then the build stands still before it. Raises psycopg.Error for trouble that passes.
    """
    size = limit
    while True:
        try:
            return await advance(connection, projection, build, size, retry)
        except Unreadable as error:
            await park(connection, projection, error)
            return await advance(connection, projection, error.build, 1)
        except (*POISON, psycopg.errors.QueryCanceled):
            # A batch that takes too long may do in parts; one event that does is no poison, only slow.
            if size == 1:
                raise
            size //= 2


async def limit_batch(connection: Connection) -> None:
    """For this transaction: nothing takes for ever, and nothing waits for the disk."""
    await connection.execute(_LIMITS, prepare=False)


async def checkpoint(connection: Connection, projection: Projection, build: int | None) -> Checkpoint | None:
    """The build's checkpoint, locked until the transaction ends; None when somebody else has it."""
    statement = _LIVE if build is None else _BUILD
    cursor = await connection.execute(statement, {"projection": projection.name, "build": build})
    row = await cursor.fetchone()
    return None if row is None else Checkpoint(*row)


async def take_up(connection: Connection, projection: Projection, at: Checkpoint, limit: int) -> Checkpoint:
    """The next events of a build whose checkpoint is locked. Raises as `advance` does."""
    await _require_same_log(connection, at)
    if not at.is_behind:
        return at
    span = {"after": at.position, "upto": await _known_upto(connection, projection, at, limit)}
    statement = sql.SQL(projection.apply).format(table=table(projection, at.build), events=LOG)
    try:
        await connection.execute(statement, span, prepare=False)
    except POISON as error:
        if span["upto"] > at.position + 1:
            raise
        reason = f"{type(error).__name__}: {error.diag.message_primary or error}"
        raise Unreadable(at.build, span["upto"], reason) from error
    span.update(key(projection, at.build))
    cursor = await connection.execute(_RECORD, span)
    row = await cursor.fetchone()
    assert row is not None
    return at._replace(position=span["upto"], hash=row[0], error=None)


async def _require_same_log(connection: Connection, at: Checkpoint) -> None:
    """A restored backup may end before the checkpoint, or have had another history since."""
    if at.position > at.head:
        reason = (
            f"the log ends at {at.head}, before the checkpoint {at.position}: "
            "it was restored from an older backup; run `seatledger rebuild`"
        )
        raise Unreadable(at.build, at.position, reason)
    if at.position:
        cursor = await connection.execute(_HASH, (at.position,))
        if await cursor.fetchone() != (at.hash,):
            reason = (
                f"the event at the checkpoint {at.position} is another than it was; run `seatledger rebuild`"
            )
            raise Unreadable(at.build, at.position, reason)


async def _known_upto(connection: Connection, projection: Projection, at: Checkpoint, limit: int) -> int:
    """How far the next batch goes: not past an event that a newer program wrote and this one cannot know.

    Better to stand still there than to be wrong.
    """
    upto = min(at.position + limit, at.head)
    parameters = (at.position, upto, list(projection.topics), list(EVENT_TYPES))
    cursor = await connection.execute(_UNKNOWN, parameters)
    row = await cursor.fetchone()
    if row is None:
        return upto
    position, topic = row
    if position == at.position + 1:
        raise Unreadable(at.build, position, f"unknown topic {topic}")
    return int(position) - 1


# The rows can be made again from the log, so nobody waits for the disk: after a crash rows and checkpoint are
# those of the same earlier moment.
_LIMITS: LiteralString = f"""
    set local statement_timeout = '{STATEMENT_SECONDS_MAX}s';
    set local idle_in_transaction_session_timeout = '{FROZEN_SECONDS_MAX}s';
    set local lock_timeout = '5s';
    set local synchronous_commit = off;
    set local work_mem = '64MB';
    set local jit = off
"""
_COLUMNS: LiteralString = """
    build, version, position, (select coalesce(max(position), 0) from ledger.events), hash, error
"""
_LIVE: LiteralString = f"""
    select {_COLUMNS} from analytics_store.builds where projection = %(projection)s and live
    for update skip locked
"""  # noqa: S608 - constants only
_BUILD: LiteralString = f"""
    select {_COLUMNS} from analytics_store.builds where projection = %(projection)s and build = %(build)s
    for update
"""  # noqa: S608 - constants only
_HASH: LiteralString = "select hash from ledger.events where position = %s"
_UNKNOWN: LiteralString = """
    select position, topic from ledger.events
    where position > %s and position <= %s and topic like any (%s) and topic <> all (%s)
    order by position limit 1
"""
_RECORD: LiteralString = """
    update analytics_store.builds as b set position = e.position, hash = e.hash, recorded_at = e.recorded_at,
        written_at = clock_timestamp(), parked_at = null, parked_position = null, error = null
    from ledger.events as e
    where b.projection = %(projection)s and b.build = %(build)s and e.position = %(upto)s
    returning e.hash
"""
