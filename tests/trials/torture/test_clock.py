"""The faults of the clock reach the sessions of the program."""

from datetime import timedelta

from database.connection import connect_sync
from trials.torture import clock

HOUR = timedelta(hours=1)


def test_a_jump_reaches_the_sessions_of_the_program(database_url: str) -> None:
    clock.make_adjustable(database_url)
    with connect_sync(database_url, "test") as connection:
        clock.shift(database_url, clock.BACK)
        ((behind, started_behind),) = connection.execute(
            "select pg_catalog.true_clock_timestamp() - clock_timestamp(),"
            " pg_catalog.true_statement_timestamp() - statement_timestamp()"
        ).fetchall()
    assert abs(behind + clock.BACK) < HOUR
    assert started_behind == -clock.BACK
