"""The self-audit counts the seats of a moved booking on its new flight, and no more on the one it left."""

from collections.abc import Callable
from typing import Any

from domain.commands.bookings import MoveBooking
from tests.audit.self_audit.conftest import Audit
from tests.desk import Desk

COUNTS = "select flight_id, held, booked from ledger.audited_seats order by held, booked"


async def test_seats_are_counted_where_a_booking_was_moved_to(
    desk: Desk, audit: Audit, rows: Callable[..., list[Any]], told: Callable[[], list[str]]
) -> None:
    source, target = await desk.schedule(), await desk.schedule("BA119")
    held = (await desk.hold(source, "alice", 2)).subject_id
    assert held
    assert (await audit()).ok
    await desk.submit(MoveBooking(held, target))
    assert (await audit()).ok
    assert rows(COUNTS) == [(source, 0, 0), (target, 2, 0)]
    assert "self_audit.counts_renewed" not in told()


async def test_a_booking_that_was_made_and_moved_since_the_last_round_is_counted(
    desk: Desk, audit: Audit, rows: Callable[..., list[Any]], told: Callable[[], list[str]]
) -> None:
    source, target = await desk.schedule(), await desk.schedule("BA119")
    held = (await desk.hold(source, "alice", 2)).subject_id
    assert held
    await desk.submit(MoveBooking(held, target))
    assert (await audit()).ok
    assert rows(COUNTS) == [(source, 0, 0), (target, 2, 0)]
    assert "self_audit.counts_renewed" not in told()
