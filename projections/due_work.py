"""Work that the clock makes due: holds to expire, waiting-list entries to close, payments to finish."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from datetime import UTC, datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from database.connection import Connection
from database.readiness import Check, fetch_one, seconds_ago
from runtime.settings import Settings


class DueHold(NamedTuple):
    """`is_paying`: a gateway has its payment, and may have taken the money."""

    held_until: datetime
    id: UUID
    is_paying: bool = False


class OpenTask(NamedTuple):
    """A booking whose payment, or a refund that, a gateway is still to be asked about."""

    id: UUID
    is_refund: bool


async def find_due_holds(connection: Connection, limit: int, after: DueHold | None = None) -> list[DueHold]:
    """Holds that have run out by the ledger's time, oldest first, from behind `after` on."""
    rows = await (await connection.execute(_DUE, (*(after or _BEFORE_ALL)[:2], limit))).fetchall()
    return [DueHold(*row) for row in rows]


async def find_open_tasks(connection: Connection, patience: float, after: UUID, limit: int) -> list[OpenTask]:
    """What nobody has moved for `patience` seconds, in order of the ids, from behind `after` on."""
    parameters = {"seconds": patience, "after": after, "limit": limit}
    rows = await (await connection.execute(_OPEN, parameters)).fetchall()
    return [OpenTask(*row) for row in rows]


async def find_due_holds_with_queue(
    connection: Connection, limit: int, after: DueHold | None = None
) -> list[DueHold]:
    """As `find_due_holds`, but only on flights that somebody waits for and may still board."""
    rows = await (await connection.execute(_AWAITED, (*(after or _BEFORE_ALL)[:2], limit))).fetchall()
    return [DueHold(*row) for row in rows]


async def find_departed_parties(connection: Connection, limit: int) -> list[UUID]:
    """Entries on waiting lists of flights that have departed by the ledger's time."""
    rows = await (await connection.execute(_OUTWAITED, (limit,))).fetchall()
    return [row[0] for row in rows]


async def sweep_check(connection: Connection, settings: Settings) -> Check:
    """For people to see. A late sweep fails nothing: a due hold blocks no seat, swept or not."""
    if not settings.sweep_cron:
        return Check("sweep", True, "never, by setting")
    now, seen, finished, due = await fetch_one(connection, _SWEEP)
    alive = "never seen" if seen is None else f"seen {seconds_ago(now, seen)}"
    last = "never" if finished is None else seconds_ago(now, finished)
    return Check("sweep", True, f"last {last}, scheduler {alive}, {due} holds due")


async def payments_check(connection: Connection, gateway: str) -> Check:
    """For people to see. A gateway that does not answer leaves payments in doubt, and nothing else."""
    now, count, oldest = await fetch_one(connection, _ON_THEIR_WAY)
    since = f", the oldest since {seconds_ago(now, oldest)}" if count else ""
    return Check("payments", True, f"{gateway}: {count} payments and refunds on their way{since}")


_BEFORE_ALL = DueHold(datetime.min.replace(tzinfo=UTC), UUID(int=0))

# The clock stands in a subquery because an index serves only what is worked out once. The ledger's time is
# never behind its last event, whatever the machine's clock does.
_DUE = """
    select held_until, id, gateway_task is not null from views.bookings
    where held_until <= (
        select greatest(clock_timestamp(), (
            select recorded_at from ledger.events order by position desc limit 1)))
        and (held_until, id) > (%s, %s)
    order by held_until, id limit %s
"""

# From one flight that somebody waits for to the next, however many wait for each. The ledger's time is never
# behind its last event.
_LINES: LiteralString = """
    with recursive now (at) as (
        select greatest(clock_timestamp(), (
            select recorded_at from ledger.events order by position desc limit 1))
    ), line (flight_id) as (
        (select flight_id from views.waiting where status = 'waiting' order by flight_id limit 1)
        union all
        select (select w.flight_id from views.waiting w
            where w.status = 'waiting' and w.flight_id > line.flight_id order by w.flight_id limit 1)
        from line where line.flight_id is not null
    )
"""
_AWAITED: LiteralString = f"""
    {_LINES}
    select b.held_until, b.id, b.gateway_task is not null from line
    join views.flights f on f.id = line.flight_id and f.departs_at > (select at from now)
    cross join lateral (
        select held_until, id, gateway_task from views.bookings
        where flight_id = line.flight_id and held_until <= (select at from now)
    ) as b
    where (b.held_until, b.id) > (%s, %s)
    order by b.held_until, b.id limit %s
"""
_OUTWAITED: LiteralString = f"""
    {_LINES}
    select w.id from line
    join views.flights f on f.id = line.flight_id and f.departs_at <= (select at from now)
    join views.waiting w on w.flight_id = f.id and w.status = 'waiting'
    limit %s
"""
_OPEN = """
    with before as (select clock_timestamp() - make_interval(secs => %(seconds)s) as time)
    (select id, false from views.bookings
        where gateway_task is not null and updated_at <= (select time from before) and id > %(after)s
        order by id limit %(limit)s)
    union all
    (select id, true from views.refunds
        where status = 'requested' and settled_at is null
            and requested_at <= (select time from before) and id > %(after)s
        order by id limit %(limit)s)
    order by id limit %(limit)s
"""

_ON_THEIR_WAY = """
    select clock_timestamp(), count(*), min(since) from (
        (select updated_at as since from views.bookings where gateway_task is not null limit 10000)
        union all
        (select requested_at from views.refunds where status = 'requested' and settled_at is null limit 10000)
    ) as open
"""

_SWEEP = """
    select clock_timestamp(),
        (select at from ledger.heartbeats where name = 'scheduler'),
        (select max(finished_at) from ledger.job_runs where job = 'expire_holds'),
        (select count(*) from (select from views.bookings
            where held_until <= (select clock_timestamp()) limit 10000) as due)
"""
