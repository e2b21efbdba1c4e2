"""Which ledgers of a database have new events, by PostgreSQL's statistics: one statement for all of them."""

from datetime import datetime
from typing import LiteralString, NamedTuple

from database.connection import Connection


class Activity(NamedTuple):
    """The number of events inserted into the log of each schema, and the time of the database's clock."""

    now: datetime
    inserts: dict[str, int]


async def read_activity(connection: Connection) -> Activity:
    """Return the number of events inserted into each schema's log since the statistics began.

    It counts rows that were rolled back, may come ten seconds late while a session writes often, and begins
    anew after a crash. It does not grow where another node has the rows (Citus) or `track_counts` is off. It
    locks no table, so no ledger can delay it.
    """
    rows = await (await connection.execute(_INSERTS)).fetchall()
    return Activity(rows[0][0], {schema: count for _, schema, count in rows})


_INSERTS: LiteralString = """
    select pg_catalog.clock_timestamp(), relnamespace::regnamespace::text, pg_stat_get_tuples_inserted(oid)
    from pg_class where relname = 'events' and relkind = 'r'
"""
