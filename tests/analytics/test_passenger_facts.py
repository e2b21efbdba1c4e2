"""Analysts count passengers by type, and get no name of one."""

from collections.abc import Callable
from typing import Any

from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from database.connection import connect
from domain.commands.bookings import InitiateBooking
from domain.commands.passengers import NamedPassenger, NamePassengers, NewPassenger
from domain.passengers import PassengerType
from tests.desk import Desk

Rows = Callable[..., list[Any]]
ADULT, CHILD, INFANT = PassengerType.ADULT, PassengerType.CHILD, PassengerType.INFANT_ON_LAP
COUNTS = "select adults, children, infants from ledger.analytics_bookings order by booking_id"


async def test_analysts_count_the_passengers_of_each_type(desk: Desk, database_url: str, rows: Rows) -> None:
    flight = await desk.schedule()
    await desk.hold(flight, "bob", 2)
    family = tuple(NewPassenger("Tom", "Nguyễn", type) for type in (ADULT, CHILD, CHILD, INFANT))
    booking = (await desk.submit(InitiateBooking(flight, "alice", 3, family), "alice")).subject_id
    await follow(database_url)
    assert rows(COUNTS) == [(0, 0, 0), (1, 2, 1)]
    assert booking
    adults = tuple(NamedPassenger("Tom", "Nguyễn", ADULT) for _ in range(3))
    await desk.submit(NamePassengers(booking, adults), "alice")
    await follow(database_url)
    assert rows(COUNTS) == [(0, 0, 0), (3, 0, 0)]
    assert not any("Nguyễn" in str(row) for row in rows("select * from ledger.analytics_bookings"))


async def follow(url: str) -> None:
    async with await connect(url, "test") as connection:
        await advance(connection, PROJECTIONS["bookings"], None, 100)
