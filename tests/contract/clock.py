"""A database clock that tests set, so that holds, offers and payments expire without a wait."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg

from tests.contract.samples import at

TICK = timedelta(microseconds=1)
"""Resolution of PostgreSQL's timestamps."""


class DatabaseClock:
    """Clock of one database. It stands still until a test sets it, and never goes back."""

    def __init__(self, url: str) -> None:
        """Replace the clock functions for new sessions: call before the program connects. Superuser only."""
        self.url = url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_FUNCTIONS)

    def now(self) -> datetime:
        with psycopg.connect(self.url, autocommit=True) as connection:
            (now,) = connection.execute("select time from fake.clock").fetchone() or (None,)
        assert isinstance(now, datetime)
        return now

    def set_before(self, time: str) -> None:
        """Set the clock one microsecond before an instant that an answer names."""
        self._set(at(time) - TICK)

    def set_to(self, time: str) -> None:
        """Set the clock to an instant that an answer names, unless it has passed."""
        self._set(at(time))

    def _set(self, time: datetime) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("update fake.clock set time = greatest(time, %s)", (time,))


# Sessions of the program look functions up in pg_catalog alone.
_FUNCTIONS = """
    create schema fake;
    create table fake.clock as select clock_timestamp() as time;
    alter function pg_catalog.clock_timestamp() rename to real_clock_timestamp;
    alter function pg_catalog.statement_timestamp() rename to real_statement_timestamp;
    create function pg_catalog.clock_timestamp() returns timestamptz language sql volatile
        as 'select time from fake.clock';
    create function pg_catalog.statement_timestamp() returns timestamptz language sql stable
        as 'select time from fake.clock';
    grant usage on schema fake to public;
    grant select on fake.clock to public;
"""
