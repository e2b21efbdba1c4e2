"""Reading a flight at a past position loads only the bookings that were live then."""

from uuid import UUID

from ledger.log import read_live_events
from tests.desk import Desk


async def test_bookings_cancelled_by_then_are_not_read(desk: Desk) -> None:
    flight = await desk.schedule(seats=1)
    for _ in range(5):
        await desk.cancel((await desk.hold(flight, "alice")).subject_id, "alice")
    await desk.hold(flight, "bob")
    assert await _read(desk, flight, 12) == [1, 12]


async def test_a_booking_is_read_up_to_its_cancellation_and_not_past_the_position(desk: Desk) -> None:
    flight = await desk.schedule()
    alices = (await desk.hold(flight, "alice")).subject_id
    await desk.hold(flight, "bob")
    await desk.cancel(alices, "alice")
    assert await _read(desk, flight, 2) == [1, 2]
    assert await _read(desk, flight, 3) == [1, 2, 3]
    assert await _read(desk, flight, 4) == [1, 3]


async def _read(desk: Desk, flight: UUID, position: int) -> list[int]:
    async with desk.ledger.read() as connection:
        _, events = await read_live_events(connection, flight, position)
    return [event.position for event in events]
