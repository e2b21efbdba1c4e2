"""Which ledgers of a database have new events, by PostgreSQL's statistics: one statement for all of them."""

from typing import LiteralString

from database.connection import Connection


async def count_inserts(connection: Connection) -> dict[str, int]:
    """Return the number of events inserted into each schema's log since the statistics began.

    It counts rows that were rolled back, may come ten seconds late while a session writes often, and begins
    anew after a crash. It does not grow where another node has the rows (Citus) or `track_counts` is off. It
    locks no table, so no ledger can delay it.
    """
    rows = await (await connection.execute(_INSERTS)).fetchall()
    return dict(rows)


_INSERTS: LiteralString = """
    select relnamespace::regnamespace::text, pg_stat_get_tuples_inserted(oid)
    from pg_class where relname = 'events' and relkind = 'r'
"""
