"""The follower of the webhooks: queues a delivery of each event for each webhook that wants it.

The lock on the row of webhook_progress puts all changes of the queue in order: what is queued, taken, parked
and replayed. The checkpoint moves in the transaction that queues, so a killed follower loses nothing and
repeats nothing.
"""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from typing import LiteralString, NamedTuple
from uuid import UUID

from analytics.webhooks import PER_USER_MAX
from database.connection import Connection

ROWS_MAX = 10_000
"""Deliveries that one batch queues, about."""

EVENTS_MAX = 2_000
"""Events of one batch."""

BACKLOG_MAX = 2_000
"""Waiting deliveries of a webhook. With more, it stops following until some were taken or parked."""

BEHIND_MAX = 10
"""Webhooks behind the checkpoint that one batch looks at, in any order."""

LEASE_SECONDS = 10.0
"""A scheduler that says nothing for this long no longer sends, and another one may."""

FROZEN_SECONDS_MAX = 8
STATEMENT_SECONDS_MAX = 20


class OtherLog(Exception):
    """A restored log is not the one that the webhooks followed. Nothing is queued until that is settled."""


class Checkpoint(NamedTuple):
    """The last position that was queued, its hash, and whether another scheduler sent until now."""

    position: int
    hash: bytes | None
    is_taken_over: bool


async def begin(connection: Connection, sender: UUID) -> Checkpoint | None:
    """Lock the queue until the transaction ends, and extend the sender's lease.

    Return None if another scheduler sends.
    """
    await connection.execute(_LIMITS, prepare=False)
    row = await (await connection.execute(_LOCK, (sender,))).fetchone()
    if row is None:
        await connection.execute(_MEND)
        row = await (await connection.execute(_LOCK, (sender,))).fetchone()
    assert row is not None
    position, hash, is_own, is_free = row
    if not is_free:
        return None
    await connection.execute(_LEASE, (sender, LEASE_SECONDS))
    return Checkpoint(position, hash, not is_own)


async def give_up(connection: Connection, sender: UUID) -> None:
    """End the lease, so that another scheduler need not wait for its end."""
    await connection.execute(_GIVE_UP, (sender,))


async def repair(connection: Connection) -> None:
    """Find the first waiting delivery of each stream anew, whatever was changed by hand."""
    await connection.execute(_FIND_FIRST, {"webhooks": None})


async def follow(connection: Connection, at: Checkpoint) -> bool:
    """Queue the next events, within the transaction of `begin`. Return whether more is left to queue.

    Raises OtherLog.
    """
    checkpoint = at.position
    head = await _require_same_log(connection, at)
    await connection.execute(_HOLD_BACK, {"backlog": BACKLOG_MAX, "checkpoint": checkpoint})
    upto = checkpoint
    if head > checkpoint:
        upto = await _follow_log(connection, checkpoint, head)
    behind = await _bring_forward(connection, upto)
    return upto < head or behind


async def _require_same_log(connection: Connection, at: Checkpoint) -> int:
    """Return the head of the log. Raises OtherLog if it ends before the checkpoint, or differs there."""
    row = await (await connection.execute(_HEAD, (at.position,))).fetchone()
    assert row is not None
    head, found = row
    if at.position > head:
        raise OtherLog(f"the log ends at {head}, before the webhooks' checkpoint {at.position}. {_REMEDY}")
    if at.hash is not None and found != at.hash:
        raise OtherLog(f"the event at the webhooks' checkpoint {at.position} is another. {_REMEDY}")
    return int(head)


_REMEDY = "The log was restored from an older backup: run `seatledger webhooks restart`"


async def _follow_log(connection: Connection, checkpoint: int, head: int) -> int:
    """Queue the next events for all webhooks that follow, and move the checkpoint. Return it."""
    row = await (await connection.execute(_FOLLOWING)).fetchone()
    following, of_everything = row or (0, 0)
    events = max(1, min(EVENTS_MAX, ROWS_MAX // (of_everything + PER_USER_MAX)))
    upto = min(head, checkpoint + events) if following else head
    if following:
        span = {"after": checkpoint, "upto": upto, "webhook": None}
        await connection.execute(_QUEUE, span)
    await connection.execute(_MOVE, (upto,))
    return upto


async def _bring_forward(connection: Connection, checkpoint: int) -> bool:
    """Queue events for webhooks that are behind: new, replayed, held back, or enabled again."""
    parameters = {"backlog": BACKLOG_MAX, "checkpoint": checkpoint, "limit": BEHIND_MAX}
    found = await (await connection.execute(_BEHIND, parameters)).fetchall()
    for webhook, position in found:
        upto = min(position + EVENTS_MAX, checkpoint)
        if upto > position:
            await connection.execute(_QUEUE_AGAIN, {"after": position, "upto": upto, "webhook": webhook})
            await connection.execute(_FIND_FIRST, {"webhooks": [webhook]})
        await connection.execute(_BRING_FORWARD, (None if upto >= checkpoint else upto, webhook))
    return any(position + EVENTS_MAX < checkpoint for _, position in found)


async def restart(connection: Connection) -> int:
    """Follow from the head of the log on, which was restored. Return the head."""
    async with connection.transaction():
        await connection.execute("select from webhook_progress where one for update")
        row = await (await connection.execute("select coalesce(max(position), 0) from events")).fetchone()
        assert row is not None
        await connection.execute(_MOVE, (row[0],))
        await connection.execute("update webhooks set position = least(position, %s)", (row[0],))
    return int(row[0])


_LIMITS: LiteralString = f"""
    set local statement_timeout = '{STATEMENT_SECONDS_MAX}s';
    set local idle_in_transaction_session_timeout = '{FROZEN_SECONDS_MAX}s';
    set local lock_timeout = '5s';
    set local jit = off
"""
_LOCK: LiteralString = """
    select position, hash, sender is not distinct from me,
        sender is null or sender = me or sender_until < statement_timestamp()
    from webhook_progress cross join (select %s::uuid as me) as i where one for update of webhook_progress
"""
_LEASE: LiteralString = """
    update webhook_progress
    set sender = %s, sender_until = statement_timestamp() + make_interval(secs => %s) where one
"""
_GIVE_UP: LiteralString = "update webhook_progress set sender = null where sender = %s"
# A row that is missing is made at the last position that was surely followed. Queueing twice does nothing.
_MEND: LiteralString = """
    insert into webhook_progress (position)
    select coalesce((select max(position) from webhook_deliveries where position > 0), (
        select max(position) from events where recorded_at <= (select min(created_at) from webhooks)), 0)
    on conflict do nothing returning position
"""
_HEAD: LiteralString = """
    select coalesce(max(position), 0), (select hash from events where position = %s) from events
"""
_FOLLOWING: LiteralString = """
    select count(*), count(*) filter (where user_lookup is null) from webhooks
    where is_enabled and position is null and deleted_at is null
"""
_MOVE: LiteralString = """
    update webhook_progress as p set position = e.position, hash = e.hash
    from (select %s::bigint as position) as upto left join events as e using (position)
    where p.one and e.position is not null
"""
# A webhook with too many waiting deliveries falls behind the checkpoint, where it was.
_HOLD_BACK: LiteralString = """
    update webhooks set position = %(checkpoint)s
    where is_enabled and position is null and deleted_at is null and exists (
        select from webhook_deliveries where webhook_id = webhooks.id and state = 'waiting'
        offset %(backlog)s)
"""
_BEHIND: LiteralString = """
    select id, position from (
        select id, position from webhooks
        where is_enabled and position <= %(checkpoint)s and deleted_at is null
        order by random() limit %(limit)s
    ) as behind
    where not exists (
        select from webhook_deliveries where webhook_id = behind.id and state = 'waiting' offset %(backlog)s)
"""
_BRING_FORWARD: LiteralString = "update webhooks set position = %s where id = %s"

# The events of a span, each with the keyed hash of the user of its booking or waiting party.
# Without a master key, names are in clear.
_EVENTS: LiteralString = """
    with span as (
        select e.position, e.originator_id, e.topic, coalesce(b.user_id, w.user_id) as person
        from events as e
        left join bookings as b on b.id = e.originator_id
        left join waiting as w on w.id = e.originator_id
        where e.position > %(after)s and e.position <= %(upto)s
    ), owned as materialized (
        select span.*, coalesce(p.lookup, convert_to(span.person, 'UTF8')) as lookup
        from span left join people as p on p.person = span.person
    ), wanting as (
        select id, event_types, user_lookup from webhooks
        where is_enabled and deleted_at is null and case when %(webhook)s::uuid is null
            then position is null else id = %(webhook)s end
    ), wanted as (
        select w.id, w.event_types, o.* from owned as o cross join wanting as w where w.user_lookup is null
        union all
        select w.id, w.event_types, o.* from owned as o join wanting as w on w.user_lookup = o.lookup
    )
"""
_WANTED: LiteralString = "where event_types is null or topic = any (event_types)"
_QUEUE: LiteralString = f"""
    {_EVENTS}
    insert into webhook_deliveries (webhook_id, position, stream_id, topic, is_first)
    select id, position, originator_id, topic,
        row_number() over (partition by id, originator_id order by position) = 1 and not exists (
            select from webhook_deliveries as d
            where d.webhook_id = wanted.id and d.stream_id = originator_id and d.state = 'waiting')
    from wanted {_WANTED}
    on conflict do nothing
"""
# What was sent before is sent again; what waits keeps waiting.
_QUEUE_AGAIN: LiteralString = f"""
    {_EVENTS}
    insert into webhook_deliveries as d (webhook_id, position, stream_id, topic)
    select id, position, originator_id, topic from wanted {_WANTED}
    on conflict (webhook_id, position) do update set state = 'waiting', attempts = 0,
        created_at = excluded.created_at, due_at = excluded.due_at
    where d.state <> 'waiting'
"""
_FIND_FIRST: LiteralString = """
    with first as (
        select webhook_id, stream_id, min(position) as position from webhook_deliveries
        where state = 'waiting'
            and (%(webhooks)s::uuid[] is null or webhook_id = any (%(webhooks)s::uuid[]))
        group by webhook_id, stream_id
    )
    update webhook_deliveries as d set is_first = (d.position = first.position)
    from first
    where d.webhook_id = first.webhook_id and d.stream_id = first.stream_id and d.state = 'waiting'
        and d.is_first <> (d.position = first.position)
"""
