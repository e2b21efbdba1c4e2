"""Verify folds a booking that was moved: its seats are in use here until the move, and there from it on."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.commands.bookings import MoveBooking
from domain.commands.flights import MoveAllBookings, RetimeFlight
from tests.audit.verify.verified import verify
from tests.desk import Desk


@pytest.fixture
async def moves(desk: Desk) -> tuple[UUID, UUID]:
    """Two flights: two seats were moved to the second, one stays on the first, which then is full again."""
    source, target = await desk.schedule(seats=3), await desk.schedule("BA119", seats=3)
    booking = (await desk.hold(source, "alice", 2)).subject_id
    await desk.pay(booking, "alice", 2)
    await desk.hold(source, "bob")
    departs = datetime.now(UTC) + timedelta(days=31)
    await desk.submit(RetimeFlight(source, departs, departs + timedelta(hours=8), "fog"))
    assert booking
    assert (await desk.submit(MoveBooking(booking, target))).status == 200
    assert (await desk.hold(source, "carol", 2)).status == 200
    assert (await desk.submit(MoveAllBookings(source, (target,)))).status == 200
    return source, target


async def test_all_holds_after_moves_and_new_times(moves: tuple[UUID, UUID], database_url: str) -> None:
    result = verify(database_url)
    assert result.ok, result


async def test_seats_that_are_counted_on_the_flight_left_are_named(
    moves: tuple[UUID, UUID], tamper: Any, database_url: str
) -> None:
    source, target = moves
    tamper(f"update ledger.seats set held = held + 1 where flight_id = '{source}'")
    tamper(f"update ledger.seats set held = held - 1 where flight_id = '{target}'")
    assert "the log says" in (verify(database_url).reason or "")


async def test_a_view_that_shows_a_moved_booking_on_the_flight_left_is_named(
    moves: tuple[UUID, UUID], tamper: Any, database_url: str
) -> None:
    source, target = moves
    tamper(f"update ledger.bookings set flight_id = '{source}' where flight_id = '{target}'")
    assert "bookings does not show" in (verify(database_url).reason or "")
