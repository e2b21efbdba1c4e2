"""A cancelled flight: one transaction cancels all its bookings, even if connections are cut."""

import asyncio
from typing import Any

from audit.verify import verify
from domain.commands.flights import CancelFlight
from tests.desk import Desk
from tests.ledger.test_writer_faults import CUT
from tests.waiting import await_until

BOOKINGS = 300
CUTS = 3


async def test_three_hundred_bookings_end_once_each_though_the_writer_is_cut_three_times(
    desk: Desk, rows: Any, database_url: str
) -> None:
    flight = await desk.schedule(seats=BOOKINGS)
    held = await asyncio.gather(*(desk.hold(flight, "alice") for _ in range(BOOKINGS)))
    await asyncio.gather(*(desk.pay(answer.subject_id, "alice") for answer in held[::2]))
    cancelling = asyncio.create_task(desk.submit(CancelFlight(flight, "fog"), key="once"))
    for _ in range(CUTS):
        # With a database in memory the command may be done before the last cut.
        await await_until(lambda: cancelling.done() or rows(f"{CUT} and xact_start is not null"))
    assert (await cancelling).status == 200
    assert (await desk.submit(CancelFlight(flight, "fog"), key="once")).replayed
    ended = rows(
        "select count(*), count(distinct originator_id), count(distinct recorded_at) "
        "from ledger.events where topic = 'booking.cancelled'"
    )
    assert ended == [(BOOKINGS, BOOKINGS, 1)]
    assert rows("select count(*) from ledger.refunds where reason = 'flight_cancelled'") == [(BOOKINGS // 2,)]
    assert rows("select seats, held, booked from ledger.seats") == [(BOOKINGS, 0, 0)]
    assert verify(database_url).ok


async def test_a_flight_that_is_cancelled_takes_no_bookings(desk: Desk) -> None:
    flight = await desk.schedule(seats=30)
    commands = [desk.hold(flight, "alice") for _ in range(30)] + [desk.submit(CancelFlight(flight, "fog"))]
    commands += [desk.hold(flight, "bob") for _ in range(30)]
    answers = await asyncio.gather(*commands)
    assert all(answer.status == 200 for answer in answers[:31])
    assert all(b"flight-not-bookable" in answer.body for answer in answers[31:])


async def test_a_flight_is_cancelled_in_a_block_of_its_own(desk: Desk, rows: Any) -> None:
    foggy, clear = await desk.schedule("BA1"), await desk.schedule("BA2")
    await desk.hold(foggy, "alice")
    answers = await asyncio.gather(
        desk.hold(clear, "bob"), desk.submit(CancelFlight(foggy, "fog")), desk.hold(clear, "carol")
    )
    assert [answer.status for answer in answers] == [200, 200, 200]
    blocks = rows(
        "select array_agg(position order by position) from ledger.events"
        " where position > 3 group by xmin::text order by 1"
    )
    assert [positions for (positions,) in blocks] == [[4], [5, 6], [7]]
