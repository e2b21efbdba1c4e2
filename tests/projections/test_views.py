"""Views: equal to the fold of the log, true at the instant they are asked, and never without a position."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from database import head
from domain.booking import Booking, Status
from domain.commands import ChangeFlightSeats, JoinWaitlist, PayBooking, Price, RepriceFlight
from domain.flight import Flight, FlightStatus
from domain.money import Money
from domain.payments import Capture
from ledger.ids import new_id
from ledger.log import fold, read_stream
from projections import availability, bookings, flights, waiting
from projections.bookings import BookingRow, BookingSearch
from projections.flights import FlightRow, FlightSearch, Sort
from projections.waiting import WaitingSearch
from tests.projections.conftest import Trade


async def folded(trade: Trade, id: UUID) -> Any:
    async with trade.ledger.read() as connection:
        aggregate = fold(await read_stream(connection, id))
    assert isinstance(aggregate, Booking | Flight)
    return BookingRow.of(aggregate) if isinstance(aggregate, Booking) else FlightRow.of(aggregate)


async def test_a_row_is_the_fold_of_its_stream(trade: Trade) -> None:
    flight = await trade.schedule()
    held, paid, refunded = [await trade.hold(flight) for _ in range(3)]
    await trade.pay(paid, 100)
    await trade.pay(refunded, 100)
    await trade.cancel(refunded)
    await trade.do(RepriceFlight(flight, Price(700, "INR")))
    await trade.do(ChangeFlightSeats(flight, 7))
    async with trade.ledger.read() as connection:
        rows = [(await bookings.find(connection, id)).value for id in (held, paid, refunded)]
        shown = (await flights.find(connection, flight)).value
    assert rows == [await folded(trade, id) for id in (held, paid, refunded)]
    assert [row.status for row in rows if row] == [Status.INITIATED, Status.BOOKED, Status.CANCELLED]
    assert shown == await folded(trade, flight)


async def test_a_row_reads_as_the_body_it_becomes(trade: Trade) -> None:
    booking = await trade.hold(await trade.schedule(), seats=2)
    async with trade.ledger.read() as connection:
        body = msgspec.to_builtins((await bookings.find(connection, booking)).value)
    assert list(body) == [
        "id",
        "flight_id",
        "user_id",
        "seats",
        "total_cost",
        "status",
        "expires_at",
        "version",
        "created_at",
        "updated_at",
        "payment",
    ]
    assert body["total_cost"] == {"amount": 200, "currency": "INR"}
    assert body["created_at"].endswith("Z")
    assert body["payment"] is None


async def test_an_upsert_twice_is_an_upsert_once(trade: Trade) -> None:
    flight = await trade.schedule()
    booking = await trade.hold(flight)
    async with trade.ledger.read() as connection:
        before = (await bookings.find(connection, booking), await flights.find(connection, flight))
        aggregates = fold(await read_stream(connection, booking)), fold(await read_stream(connection, flight))
        for _ in range(2):
            await connection.execute(*bookings.upsert([aggregates[0]]))  # type: ignore[list-item]
            await connection.execute(*flights.upsert([aggregates[1]]))  # type: ignore[list-item]
        assert (await bookings.find(connection, booking), await flights.find(connection, flight)) == before


async def test_an_expired_hold_is_free_at_once_with_no_sweeper(trade: Trade) -> None:
    flight = await trade.schedule(seats=10)
    late, soon, paid = [await trade.hold(flight, seats=2) for _ in range(3)]
    await trade.pay(paid, 200)
    ended = "update views.bookings set held_until = now() - interval '1 s' where id = any(%s)"
    await trade.sql(ended, [late])
    async with trade.ledger.read() as connection:
        seen = (await availability.find(connection, flight)).value
        assert seen is not None
        assert (seen.seats, seen.held, seen.booked, seen.available) == (10, 2, 2, 6)
        for seats, found in [(6, 1), (7, 0)]:
            page = await flights.page(connection, FlightSearch(min_seats=seats), None, 10)
            assert len(page.value) == found
        assert (await bookings.find(connection, soon)).value is not None


async def test_time_never_runs_behind_the_log(trade: Trade) -> None:
    """The machine's clock was set back: what the log has seen expire stays expired."""
    flight = await trade.schedule()
    await trade.hold(flight)
    await trade.sql("alter table ledger.events disable trigger append_only")
    await trade.sql("update ledger.events set recorded_at = '2045-01-01Z' where position = 2")
    # To the instant: what ends now has ended.
    await trade.sql("update views.bookings set held_until = '2045-01-01Z'")
    await trade.sql("update views.flights set departs_at = '2045-01-01Z'")
    async with trade.ledger.read() as connection:
        seen = (await availability.find(connection, flight)).value
        assert seen is not None
        assert seen.held == 0
        row = (await flights.find(connection, flight)).value
        assert row is not None
        assert row.status is FlightStatus.DEPARTED


async def test_a_query_has_a_position_even_with_nothing_to_show(trade: Trade) -> None:
    async with trade.ledger.read() as connection:
        for position in (0, 1):
            assert await head.position(connection) == position
            assert await bookings.find(connection, new_id()) == (position, None)
            assert await flights.find(connection, new_id()) == (position, None)
            assert await availability.find(connection, new_id()) == (position, None)
            assert await bookings.page(connection, BookingSearch(), None, 10) == (position, [])
            assert await flights.page(connection, FlightSearch(origin="CDG"), None, 10) == (position, [])
            async with head.snapshot(connection) as seen:
                assert seen == position
            if position == 0:
                await trade.schedule()


async def test_a_snapshot_stands_still(trade: Trade) -> None:
    flight = await trade.schedule()
    async with trade.ledger.read() as connection:
        async with head.snapshot(connection) as position:
            booking = await trade.hold(flight)
            assert await head.position(connection) == position == 1
            assert await read_stream(connection, booking) == []
        assert await head.position(connection) == 2


@pytest.mark.parametrize("sort", Sort)
async def test_pages_join_without_gap_or_overlap(trade: Trade, sort: Sort) -> None:
    ids = {await trade.schedule(f"BA{number}", price=100 + number % 2) for number in range(5)}
    search, after, found = FlightSearch(sort=sort), None, []
    async with trade.ledger.read() as connection:
        while rows := (await flights.page(connection, search, after, 2)).value:
            found += [row.id for row in rows]
            after = search.sort_key(rows[-1])
    assert len(found) == 5
    assert set(found) == ids


async def test_the_newest_bookings_come_first(trade: Trade) -> None:
    flight = await trade.schedule()
    made = [await trade.hold(flight, user) for user in ("alice", "bob", "alice")]
    async with trade.ledger.read() as connection:

        async def found(after: UUID | None = None, **search: Any) -> list[UUID]:
            page = await bookings.page(connection, BookingSearch(**search), after, 10)
            return [row.id for row in page.value]

        assert await found() == made[::-1]
        assert await found(after=made[1]) == made[:1]
        assert await found(user_id="alice") == await found(owner="alice") == [made[2], made[0]]
        assert await found(user_id="alice", owner="bob") == []
        assert await found(flight_id=flight, status=Status.INITIATED) == made[::-1]
        assert await found(flight_id=new_id()) == []
        assert await found(status=Status.BOOKED) == []


async def test_bookings_are_found_by_whatever_status_they_have(trade: Trade) -> None:
    flight = await trade.schedule()
    made = {status: await trade.hold(flight) for status in Status}
    await trade.do(PayBooking(made[Status.PENDING], "alice", Money(100, "INR"), Capture.MANUAL))
    await trade.pay(made[Status.BOOKED], 100)
    await trade.cancel(made[Status.CANCELLED])
    async with trade.ledger.read() as connection:
        pages = {s: await bookings.page(connection, BookingSearch(status=s), None, 10) for s in Status}
    assert {status: [row.id for row in page.value] for status, page in pages.items()} == {
        status: [id] for status, id in made.items()
    }


async def test_whom_nobody_has_seen_is_shown_nobodys_rows(trade: Trade) -> None:
    """Their pseudonym is empty, which is no reason to leave the filter out."""
    flight = await trade.schedule(seats=1)
    await trade.hold(flight)
    await trade.do(JoinWaitlist(flight, "alice", 1))
    async with trade.ledger.read() as connection:
        for unseen in ({"owner": ""}, {"user_id": ""}):
            assert (await bookings.page(connection, BookingSearch(**unseen), None, 10)).value == []
            assert (await waiting.page(connection, WaitingSearch(**unseen), None, 10)).value == []
        assert len((await waiting.page(connection, WaitingSearch(), None, 10)).value) == 1
