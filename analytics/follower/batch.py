"""One batch: apply a range of events to a fact table and move its checkpoint, in one transaction."""

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
"""Limit on a batch. After it the server counts as lost and the connection is closed."""

LOG = sql.Identifier("events")

FROZEN_SECONDS_MAX = 15
"""Idle limit inside a batch. After it PostgreSQL ends the transaction and another follower takes over."""


class ProjectionCheckpoint(NamedTuple):
    """State of a build: last applied position, head of the log, and the error that parked it, if any."""

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
) -> ProjectionCheckpoint | None:
    """Apply at most `limit` events in one transaction. Return None if another follower holds the checkpoint.

    `build` None means the live build. A parked build and a build of another version stay unchanged; `retry`
    tries a parked build again. The lock on the checkpoint row elects the leader: it ends with the
    transaction, so a crash leaves nothing behind, and it works through connection poolers.
    Raises Unreadable and psycopg.Error.
    """
    async with connection.transaction():
        await limit_batch(connection)
        at = await lock_checkpoint(connection, projection, build)
        if at is None or at.version != projection.version or (at.error and not retry):
            return at
        return await apply_next(connection, projection, at, limit)


async def advance_or_park(
    connection: Connection, projection: Projection, build: int | None, limit: int, retry: bool = False
) -> ProjectionCheckpoint | None:
    """Call `advance`, halving the batch on failure until one event is left; park the build before that event.

    Raises psycopg.Error for transient failures.
    """
    size = limit
    while True:
        try:
            return await advance(connection, projection, build, size, retry)
        except Unreadable as error:
            await park(connection, projection, error)
            return await advance(connection, projection, error.build, 1)
        except (*POISON, psycopg.errors.QueryCanceled):
            # A batch that times out may succeed in parts. A single event that times out is slow, not poison.
            if size == 1:
                raise
            size //= 2


async def limit_batch(connection: Connection) -> None:
    """Set the transaction's timeouts, and let its commit skip the wait for the disk."""
    await connection.execute(_LIMITS, prepare=False)


async def lock_checkpoint(
    connection: Connection, projection: Projection, build: int | None
) -> ProjectionCheckpoint | None:
    """Lock the build's checkpoint row until the transaction ends. Return None if another session holds it."""
    statement = _LIVE if build is None else _BUILD
    cursor = await connection.execute(statement, {"projection": projection.name, "build": build})
    row = await cursor.fetchone()
    return None if row is None else ProjectionCheckpoint(*row)


async def has_live_build(connection: Connection, projection: Projection) -> bool:
    """Return whether there is a checkpoint at all, whichever session holds it."""
    return await (await connection.execute(_HAS_LIVE, (projection.name,))).fetchone() is not None


async def apply_next(
    connection: Connection, projection: Projection, at: ProjectionCheckpoint, limit: int
) -> ProjectionCheckpoint:
    """Apply the next events to a build whose checkpoint is locked. Raises as `advance` does."""
    await _require_same_log(connection, at)
    if not at.is_behind:
        return at
    span = {"after": at.position, "upto": await _last_known(connection, projection, at, limit)}
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


async def _require_same_log(connection: Connection, at: ProjectionCheckpoint) -> None:
    """Raise Unreadable if a restored log ends before the checkpoint or has another history up to it."""
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


async def _last_known(
    connection: Connection, projection: Projection, at: ProjectionCheckpoint, limit: int
) -> int:
    """Return the last position of the next batch: it ends before the first event of an unknown topic.

    A newer program wrote that event. Parking is better than wrong facts.
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


# Commits do not wait for the disk: the rows can be rebuilt from the log, and after a crash both rows and
# checkpoint are those of the same earlier commit.
_LIMITS: LiteralString = f"""
    set local statement_timeout = '{STATEMENT_SECONDS_MAX}s';
    set local idle_in_transaction_session_timeout = '{FROZEN_SECONDS_MAX}s';
    set local lock_timeout = '5s';
    set local synchronous_commit = off;
    set local work_mem = '64MB';
    set local jit = off
"""
_COLUMNS: LiteralString = """
    build, version, position, (select coalesce(max(position), 0) from events), hash, error
"""
_LIVE: LiteralString = f"""
    select {_COLUMNS} from facts_builds where projection = %(projection)s and live
    for update skip locked
"""  # noqa: S608 - constants only
_HAS_LIVE: LiteralString = "select from facts_builds where projection = %s and live"
_BUILD: LiteralString = f"""
    select {_COLUMNS} from facts_builds where projection = %(projection)s and build = %(build)s
    for update
"""  # noqa: S608 - constants only
_HASH: LiteralString = "select hash from events where position = %s"
_UNKNOWN: LiteralString = """
    select position, topic from events
    where position > %s and position <= %s and topic like any (%s) and topic <> all (%s)
    order by position limit 1
"""
_RECORD: LiteralString = """
    update facts_builds as b set position = e.position, hash = e.hash, recorded_at = e.recorded_at,
        written_at = statement_timestamp(), parked_at = null, parked_position = null, error = null
    from events as e
    where b.projection = %(projection)s and b.build = %(build)s and e.position = %(upto)s
    returning e.hash
"""
