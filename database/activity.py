"""Which ledgers of a database have new events or webhooks, by PostgreSQL's statistics, in one statement."""

from datetime import datetime
from typing import LiteralString, NamedTuple

from database.connection import Connection


class Activity(NamedTuple):
    """The number of rows inserted into the log and the webhooks of each schema, and the database's time."""

    now: datetime
    inserts: dict[str, int]


async def read_activity(connection: Connection) -> Activity:
    """Return the number of rows inserted into each schema's log and webhooks since the statistics began.

    A new webhook, a replay and a test ask for work as an event does.

    It counts rows that were rolled back, may come ten seconds late while a session writes often, and begins
    anew after a crash. It does not grow where another node has the rows (Citus) or `track_counts` is off. It
    locks no table, so no ledger can delay it.
    """
    rows = await (await connection.execute(_INSERTS)).fetchall()
    return Activity(rows[0][0], {schema: count for _, schema, count in rows})


_INSERTS: LiteralString = """
    select pg_catalog.clock_timestamp(), relnamespace::regnamespace::text,
        sum(pg_stat_get_tuples_inserted(oid)
        + case when relname = 'webhooks' then pg_stat_get_tuples_updated(oid) else 0 end)::bigint
    from pg_class where relname in ('events', 'webhooks', 'webhook_deliveries') and relkind = 'r'
    group by relnamespace
"""
