"""What sessions wrote: index entries, rows and bytes of the write-ahead log by table and index."""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg

EXTENSION: LiteralString = "create extension if not exists pg_walinspect"

POSITION: LiteralString = "select pg_current_wal_flush_lsn()::text"

# A record that changes several pages is reported once for each; its bytes count for the first of them. Images
# of whole pages, the first change to each after a checkpoint, are left out.
_WRITTEN: LiteralString = """
    select coalesce(main.relname, owner.relname || ' (long values)', c.relname, 'other'),
        sum(case when block_id = 0 and record_type ~ '^(INSERT|MULTI_INSERT|UPDATE|HOT_UPDATE)'
            then 1 else 0 end)::int8,
        sum(case when block_id = 0 then record_length else 0 end)::int8 - sum(block_fpi_length)::int8
    from pg_get_wal_block_info(%s::pg_lsn, %s::pg_lsn, false) as w
    left join pg_class as c on c.relfilenode = w.relfilenode and c.relnamespace <> 'pg_catalog'::regnamespace
    left join pg_class as main on main.oid = c.oid and c.relnamespace <> 'pg_toast'::regnamespace
    left join pg_class as owner on owner.reltoastrelid = c.oid
    group by 1
"""


def position(url: str) -> str:
    """Return the end of the write-ahead log."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(EXTENSION)
        (found,) = connection.execute(POSITION).fetchone() or ("",)
        return str(found)


def written(url: str, first: str, last: str) -> Mapping[str, tuple[int, int]]:
    """Return the rows or entries inserted, and the bytes, by table and index."""
    with psycopg.connect(url) as connection:
        rows: list[Any] = connection.execute(_WRITTEN, (first, last)).fetchall()
        return {name: (entries, size) for name, entries, size in rows}
