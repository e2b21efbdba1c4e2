"""The data dictionary of the views for analysts, generated from the comments in the database."""

from itertools import groupby
from typing import Any

import psycopg

_HEAD = """\
# Data dictionary

The views that analysts read, in the schema of their ledger: `ledger.analytics_bookings` and the others are
those of `main`. `seatledger dictionary` generates this page from the
comments in the database, and a test compares the two. Access and freshness:
[analytics.md](../how-to/analytics.md).
"""


def dictionary(connection: psycopg.Connection[Any]) -> str:
    """Return the dictionary as Markdown, one table per view."""
    parts = [_HEAD]
    rows = connection.execute(_COLUMNS).fetchall()
    for (view, comment), columns in groupby(rows, key=lambda row: (row[0], row[1])):
        parts.append(f"\n## {view}\n\n{comment}.\n\n| column | type | |\n|---|---|---|\n")
        parts.extend(f"| `{name}` | {kind} | {text} |\n" for _, _, name, kind, text in columns)
    return "".join(parts)


_COLUMNS = r"""
    select c.relname, obj_description(c.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod),
        col_description(c.oid, a.attnum)
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'v'
        and c.relname like 'analytics\_%'
    order by c.relname collate "C", a.attnum
"""
