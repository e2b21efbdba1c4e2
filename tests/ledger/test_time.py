"""Time in the log, and in the outcomes of refused commands, never goes backwards."""

from datetime import timedelta
from typing import Any

from audit.verify import verify
from tests.desk import Desk
from trials.torture import clock


async def test_a_clock_that_jumps_forward_during_refusals_and_back_orders_nothing_wrongly(
    desk: Desk, database_url: str, rows: Any
) -> None:
    flight = await desk.schedule(seats=1)
    clock.make_adjustable(database_url)
    # The connections of the ledger have plans with the true clock.
    rows("select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name ~ 'seatledger'")
    assert (await desk.hold(flight, "alice", key="first")).status == 200
    clock.shift(database_url, timedelta(minutes=2))
    assert (await desk.hold(flight, "bob", seats=2)).status == 409
    clock.shift(database_url, timedelta(0))
    assert (
        await desk.cancel((await desk.hold(flight, "alice", key="first")).subject_id, "alice")
    ).status == 200
    times = rows("select recorded_at from ledger.commands order by last_position, first_position nulls first")
    assert times[-1] >= times[-2]
    assert verify(database_url, workers=1).ok
