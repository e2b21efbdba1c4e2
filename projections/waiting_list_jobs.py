"""What the clock does for waiting lists: whose due holds to expire, and whose entries to close."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

from database.connection import Connection
from database.jobs import DueHold


async def awaited_holds(connection: Connection, limit: int, after: DueHold | None = None) -> list[DueHold]:
    """As `database.jobs.due_holds`, but only on flights that somebody waits for and may still board."""
    rows = await (await connection.execute(_AWAITED, (*(after or _BEFORE_ALL)[:2], limit))).fetchall()
    return [DueHold(*row) for row in rows]


async def outwaited(connection: Connection, limit: int) -> list[UUID]:
    """Entries on waiting lists of flights that have departed by the ledger's time."""
    rows = await (await connection.execute(_OUTWAITED, (limit,))).fetchall()
    return [row[0] for row in rows]


_BEFORE_ALL = DueHold(datetime.min.replace(tzinfo=UTC), UUID(int=0))

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
