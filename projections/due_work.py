"""Work that the clock makes due: holds to expire, waiting-list entries to close, payments to finish."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from datetime import UTC, datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from database.connection import Connection
from database.readiness import Check, fetch_one, seconds_ago
from runtime.settings import Settings


class DueHold(NamedTuple):
    """A hold that has run out. `is_paying`: a gateway has its payment and may have taken the money."""

    held_until: datetime
    id: UUID
    is_paying: bool = False


class OpenTask(NamedTuple):
    """A booking or a refund with an unfinished request to a gateway."""

    id: UUID
    is_refund: bool


async def find_due_holds(connection: Connection, limit: int, after: DueHold | None = None) -> list[DueHold]:
    """Return holds that have run out by the ledger's time and follow `after`, oldest first."""
    rows = await (await connection.execute(_DUE, (*(after or _BEFORE_ALL)[:2], limit))).fetchall()
    return [DueHold(*row) for row in rows]


async def find_open_tasks(connection: Connection, patience: float, after: UUID, limit: int) -> list[OpenTask]:
    """Return tasks without progress for `patience` seconds, in order of their ids, from `after` on."""
    parameters = {"seconds": patience, "after": after, "limit": limit}
    rows = await (await connection.execute(_OPEN, parameters)).fetchall()
    return [OpenTask(*row) for row in rows]


async def find_due_holds_with_queue(
    connection: Connection, limit: int, after: DueHold | None = None
) -> list[DueHold]:
    """Return due holds like `find_due_holds`, but only on future flights with a waiting list."""
    rows = await (await connection.execute(_AWAITED, (*(after or _BEFORE_ALL)[:2], limit))).fetchall()
    return [DueHold(*row) for row in rows]


async def find_departed_parties(connection: Connection, limit: int) -> list[UUID]:
    """Return the parties that still wait for flights that have departed by the ledger's time."""
    rows = await (await connection.execute(_DEPARTED, (limit,))).fetchall()
    return [row[0] for row in rows]


async def has_work_ahead(connection: Connection, with_gateway: bool) -> bool:
    """Return whether a hold that waiting parties wait for may run out, or a gateway owes an answer.

    Only events change that.
    """
    row = await fetch_one(connection, _AHEAD_WITH_GATEWAY if with_gateway else _AHEAD)
    return bool(row[0])


async def sweep_check(connection: Connection, settings: Settings) -> Check:
    """Report on the sweeps, for operators. A late sweep fails no check: a due hold blocks no seat."""
    if not settings.sweep_cron:
        return Check("sweep", True, "never, by setting")
    now, seen, finished, due = await fetch_one(connection, _SWEEP)
    alive = "never seen" if seen is None else f"seen {seconds_ago(now, seen)}"
    last = "never" if finished is None else seconds_ago(now, finished)
    return Check("sweep", True, f"last {last}, scheduler {alive}, {due} holds due")


async def payments_check(connection: Connection, gateway: str) -> Check:
    """Report on unfinished payments, for operators. A silent gateway delays only its own payments."""
    now, count, oldest = await fetch_one(connection, _UNFINISHED)
    since = f", the oldest since {seconds_ago(now, oldest)}" if count else ""
    return Check("payments", True, f"{gateway}: {count} payments and refunds on their way{since}")


_BEFORE_ALL = DueHold(datetime.min.replace(tzinfo=UTC), UUID(int=0))

# The clock is in a subquery so that it is computed once and an index can serve the comparison. The ledger's
# time is never before its last event, even if the machine's clock is set back.
_DUE = """
    select held_until, id, gateway_task is not null from bookings
    where held_until <= (
        select greatest(clock_timestamp(), (
            select recorded_at from events order by position desc limit 1)))
        and (held_until, id) > (%s, %s)
    order by held_until, id limit %s
"""

# The flights with a waiting list, from the index of waiting parties alone: 10 ms for 100,000 of them.
_LISTS: LiteralString = """
    with now (at) as (
        select greatest(clock_timestamp(), (
            select recorded_at from events order by position desc limit 1))
    ), line (flight_id) as materialized (
        select distinct flight_id from waiting where status = 'waiting'
    )
"""
_AWAITED: LiteralString = f"""
    {_LISTS}
    select b.held_until, b.id, b.gateway_task is not null from line
    join flights f on f.id = line.flight_id and f.departs_at > (select at from now)
    cross join lateral (
        select held_until, id, gateway_task from bookings
        where flight_id = line.flight_id and held_until <= (select at from now)
    ) as b
    where (b.held_until, b.id) > (%s, %s)
    order by b.held_until, b.id limit %s
"""
_DEPARTED: LiteralString = f"""
    {_LISTS}
    select w.id from line
    join flights f on f.id = line.flight_id and f.departs_at <= (select at from now)
    join waiting w on w.flight_id = f.id and w.status = 'waiting'
    limit %s
"""
_OPEN = """
    with before as (select clock_timestamp() - make_interval(secs => %(seconds)s) as time)
    (select id, false from bookings
        where gateway_task is not null and updated_at <= (select time from before) and id > %(after)s
        order by id limit %(limit)s)
    union all
    (select id, true from refunds
        where status = 'requested' and settled_at is null
            and requested_at <= (select time from before) and id > %(after)s
        order by id limit %(limit)s)
    order by id limit %(limit)s
"""

_AHEAD: LiteralString = f"""
    {_LISTS}
    select exists (
        select from line join flights f on f.id = line.flight_id and f.departs_at > (select at from now)
        where exists (select from bookings b where b.flight_id = line.flight_id and b.held_until is not null)
    )
"""
_AHEAD_WITH_GATEWAY: LiteralString = f"""
    {_AHEAD} or exists (select from bookings where gateway_task is not null)
        or exists (select from refunds where status = 'requested' and settled_at is null)
"""

_UNFINISHED = """
    select clock_timestamp(), count(*), min(since) from (
        (select updated_at as since from bookings where gateway_task is not null limit 10000)
        union all
        (select requested_at from refunds where status = 'requested' and settled_at is null limit 10000)
    ) as open
"""

_SWEEP = """
    select pg_catalog.clock_timestamp(),
        (select at from heartbeats where name = 'scheduler'),
        (select max(finished_at) from job_runs where job = 'expire_holds'),
        (select count(*) from (select from bookings
            where held_until <= (select clock_timestamp()) limit 10000) as due)
"""
