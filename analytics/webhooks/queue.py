"""The queue of deliveries: what is due, what became of it, and which of a stream comes next."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

from analytics.webhooks import KEPT, RETRIED, TEST_TOPIC, Payload
from analytics.webhooks.following import begin
from database.connection import Connection

EACH_MAX = 32
"""Due deliveries of one webhook that are read at a time."""

DUE_MAX = 2_000
REMOVED_MAX = 2_000
"""Rows of the log that are removed at a time."""

ANSWER_CHARACTERS_MAX = 500
FIRST_PAUSE = timedelta(seconds=5)
PAUSE_MAX = timedelta(hours=6)
"""Limit of a pause, also of one that a receiver asks for by Retry-After."""

GONE = 410
"""Answer of a receiver that is gone for good (RFC 9110, section 15.5.11). It disables the webhook."""


class DueDelivery(NamedTuple):
    """A delivery that may be sent now, because nothing earlier of its stream waits.

    `version` and `recorded_at` are those of the event; None for a test.
    """

    webhook: UUID
    position: int
    stream: UUID
    topic: str
    attempts: int
    url: str
    payload: Payload
    sealed_secrets: str
    version: int | None
    recorded_at: datetime | None


class Attempt(NamedTuple):
    """What became of one attempt to send to this URL. `error` is set if there was no answer."""

    url: str
    webhook: UUID
    position: int
    is_taken: bool
    pause: timedelta
    status: int | None
    answer: str | None
    error: str | None
    took_ms: int


class Recorded(NamedTuple):
    """How many deliveries were parked, and the webhooks that were disabled because they are gone."""

    parked: int
    gone: list[UUID]


def pause_after(attempts: int, wished_seconds: float = 0) -> timedelta:
    """Return the pause after so many attempts: 5 s, then twice as long each time, at most 6 hours.

    It is not shorter than what the receiver wishes, within this limit.
    """
    wished = timedelta(seconds=min(wished_seconds, PAUSE_MAX.total_seconds()))
    return max(wished, min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), PAUSE_MAX))


async def read_due(connection: Connection, busy: Collection[UUID]) -> list[DueDelivery]:
    """Return due deliveries of all webhooks but the busy ones, so that none waits behind another."""
    parameters = (EACH_MAX, list(busy), DUE_MAX)
    found = await (await connection.execute(_DUE, parameters)).fetchall()
    return [DueDelivery(*row) for row in found]


async def record(connection: Connection, sender: UUID, attempts: Sequence[Attempt]) -> Recorded | None:
    """Record attempts within a transaction, and let the next of each stream come.

    A delivery that was not taken waits for its next attempt, or is parked if it was queued RETRIED ago.
    The answer 410 disables the webhook, unless it has another URL by now; what waits keeps waiting. Return
    None, and record nothing, if another scheduler sends by now.
    """
    if await begin(connection, sender) is None:
        return None
    urls, *columns = [list(column) for column in zip(*attempts, strict=True)]
    recorded = await (await connection.execute(_RECORD, (*columns, TEST_TOPIC, RETRIED))).fetchall()
    ended = [(webhook, stream) for webhook, stream, state in recorded if state != "waiting"]
    await connection.execute(_LET_NEXT_COME, ([one for one, _ in ended], [one for _, one in ended]))
    states = Counter(state for *_, state in recorded)
    taken, parked = states["delivered"], states["parked"]
    await connection.execute(_COUNT, (taken, len(recorded) - taken, parked))
    gone = [(one.webhook, url) for one, url in zip(attempts, urls, strict=True) if one.status == GONE]
    disabled = []
    if gone:
        parameters = ([one for one, _ in gone], [url for _, url in gone])
        disabled = await (await connection.execute(_DISABLE, parameters)).fetchall()
    return Recorded(parked, [webhook for (webhook,) in disabled])


async def remove_old(connection: Connection) -> bool:
    """Remove old rows of the log, answers, and deleted webhooks. Return whether there may be more."""
    removed = 0
    for statement, parameters in (
        (_REMOVE_OLD, (KEPT, REMOVED_MAX)),
        (_REMOVE_OF_DELETED, (REMOVED_MAX,)),
        (_REMOVE_DELETED, ()),
        (_REMOVE_ANSWERS, (KEPT, REMOVED_MAX)),
    ):
        removed = max(removed, (await connection.execute(statement, parameters)).rowcount)
    return removed >= REMOVED_MAX


async def add_test(connection: Connection, webhook: UUID, stream: UUID) -> int:
    """Queue a test message within a transaction. Return its position, which is negative."""
    await connection.execute("select from webhook_progress where one for update")
    row = await (await connection.execute(_ADD_TEST, (webhook, stream, webhook))).fetchone()
    assert row is not None
    return int(row[0])


_DUE: LiteralString = """
    select w.id, d.position, d.stream_id, d.topic, d.attempts, w.url, w.payload, w.sealed_secrets,
        e.originator_version, e.recorded_at
    from webhooks as w cross join lateral (
        select position, stream_id, topic, attempts from webhook_deliveries
        where webhook_id = w.id and is_first and due_at <= (select statement_timestamp())
        order by due_at, position limit %s
    ) as d left join events as e on e.position = d.position
    where w.is_enabled and w.deleted_at is null and w.id <> all (%s)
    limit %s
"""
_RECORD: LiteralString = """
    with attempt as (
        select * from unnest(%s::uuid[], %s::bigint[], %s::boolean[], %s::interval[], %s::smallint[],
            %s::text[], %s::text[], %s::integer[])
            as a (webhook_id, position, is_taken, pause, status, answer, error, took_ms)
    ), ended as (
        select a.*, case when a.is_taken then 'delivered' when d.topic = %s then 'failed'
            when d.created_at + %s <= statement_timestamp() then 'parked' else 'waiting' end as state
        from attempt as a join webhook_deliveries as d using (webhook_id, position)
    )
    update webhook_deliveries as d set state = e.state, is_first = d.is_first and e.state = 'waiting',
        attempts = attempts + 1, due_at = statement_timestamp() + e.pause,
        answered_at = statement_timestamp(),
        status = e.status, answer = e.answer, error = e.error, took_ms = e.took_ms
    from ended as e
    where d.webhook_id = e.webhook_id and d.position = e.position and d.state = 'waiting'
    returning d.webhook_id, d.stream_id, d.state
"""
_LET_NEXT_COME: LiteralString = """
    update webhook_deliveries as d set is_first = true
    from (select distinct * from unnest(%s::uuid[], %s::uuid[]) as e (webhook_id, stream_id)) as ended
    cross join lateral (
        select position from webhook_deliveries as w
        where w.webhook_id = ended.webhook_id and w.stream_id = ended.stream_id and w.state = 'waiting'
        order by position limit 1
    ) as next
    where d.webhook_id = ended.webhook_id and d.position = next.position and not d.is_first
"""
_COUNT: LiteralString = """
    update webhook_progress set delivered = delivered + %s, failed = failed + %s, parked = parked + %s
"""
# As `endpoints` does, a disabled webhook keeps its place in the log.
_DISABLE: LiteralString = """
    update webhooks as w set is_enabled = false, gone_at = statement_timestamp(),
        position = coalesce(w.position, (select position from webhook_progress)),
        updated_at = statement_timestamp(), version = version + 1
    from (select distinct * from unnest(%s::uuid[], %s::text[]) as g (id, url)) as gone
    where w.id = gone.id and w.url = gone.url and w.is_enabled and w.deleted_at is null
    returning w.id
"""
_ADD_TEST: LiteralString = f"""
    insert into webhook_deliveries (webhook_id, position, stream_id, topic, is_first)
    select %s, least(0, min(position)) - 1, %s, '{TEST_TOPIC}', true
    from webhook_deliveries where webhook_id = %s
    returning position
"""
_REMOVE_OLD: LiteralString = """
    delete from webhook_deliveries where (webhook_id, position) in (
        select d.webhook_id, d.position from webhooks as w cross join lateral (
            select webhook_id, position from webhook_deliveries
            where webhook_id = w.id and created_at < statement_timestamp() - %s and state <> 'waiting'
            order by created_at limit 100
        ) as d limit %s)
"""
_REMOVE_OF_DELETED: LiteralString = """
    delete from webhook_deliveries where (webhook_id, position) in (
        select d.webhook_id, d.position from webhooks as w join webhook_deliveries as d on d.webhook_id = w.id
        where w.deleted_at is not null limit %s)
"""
_REMOVE_DELETED: LiteralString = """
    delete from webhooks where deleted_at is not null
        and not exists (select from webhook_deliveries where webhook_id = webhooks.id)
"""
_REMOVE_ANSWERS: LiteralString = """
    delete from webhook_outcomes where (caller, operation, key) in (
        select caller, operation, key from webhook_outcomes
        where created_at < statement_timestamp() - %s limit %s)
"""
