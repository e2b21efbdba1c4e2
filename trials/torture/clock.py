"""A database whose clock jumps: functions of ours stand before PostgreSQL's own in the search path.

To the program it is what a machine's wrong clock would be, and nothing else on the machine is touched.
"""

import time
from datetime import timedelta

import psycopg

BACK = timedelta(hours=-3)
FORWARD = timedelta(seconds=15)
"""Not more: the log's time would stand still for as long afterwards, and no hold would run out."""

ANSWER_SECONDS_MAX = 30


def make_adjustable(url: str) -> None:
    """By a superuser, before the program connects. New sessions look the clock up in a table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_ADJUSTABLE)


def shift(url: str, by: timedelta) -> None:
    """As soon as the server answers. Raises psycopg.Error when it does not within half a minute."""
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
    create function fake.clock_timestamp() returns timestamptz language sql volatile
        as 'select pg_catalog.clock_timestamp() + shift from fake.clock';
    create function fake.statement_timestamp() returns timestamptz language sql stable
        as 'select pg_catalog.statement_timestamp() + shift from fake.clock';
    grant usage on schema fake to public;
    grant select on fake.clock to public;
    alter database seatledger set search_path = fake, pg_catalog, public;
"""
