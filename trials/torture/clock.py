"""A database clock that can jump: own functions take the names of PostgreSQL's.

The program observes a wrong machine clock, and nothing else on the machine changes.
"""

import time
from datetime import timedelta

import psycopg

BACK = timedelta(hours=-3)
FORWARD = timedelta(seconds=15)
"""After the jump back the log's time stands still for this long, and holds do not run out."""

ANSWER_SECONDS_MAX = 30


def make_adjustable(url: str) -> None:
    """Create the functions as superuser, before the program connects. New sessions use them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_ADJUSTABLE)


def shift(url: str, by: timedelta) -> None:
    """Set the shift as soon as the server answers. Raises psycopg.Error after half a minute."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        try:
            with psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
                connection.execute("update fake.clock set shift = %s", (by,))
            return
        except psycopg.Error:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


_ADJUSTABLE = """
    create schema fake;
    create table fake.clock as select interval '0' as shift;
    grant usage on schema fake to public;
    grant select on fake.clock to public;
    set allow_system_table_mods = on;
    alter function pg_catalog.clock_timestamp() rename to true_clock_timestamp;
    alter function pg_catalog.statement_timestamp() rename to true_statement_timestamp;
    create function pg_catalog.clock_timestamp() returns timestamptz language sql volatile
        as 'select pg_catalog.true_clock_timestamp() + shift from fake.clock';
    create function pg_catalog.statement_timestamp() returns timestamptz language sql stable
        as 'select pg_catalog.true_statement_timestamp() + shift from fake.clock';
"""
