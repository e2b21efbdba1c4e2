"""Views equal the fold of the log, hold at the time of the query, and come with a position."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from database import head
from domain.booking import Booking
from domain.booking_state import Status
from domain.cancellation_policy import CancellationPolicy
from domain.commands.fields import NewPolicy, Price
from domain.commands.flights import ChangeCancellationPolicy, ChangeFlightSeats, RepriceFlight
from domain.commands.payments import PayBooking
from domain.commands.waiting import JoinWaitlist
from domain.flight import Flight, FlightStatus
from domain.money import Money
from domain.payments import Capture
from ledger.ids import new_id
from ledger.log import fold, read_stream
from projections import availability, booking_lists, bookings, flights, refunds, waiting
from projections.booking_lists import BookingSearch
from projections.bookings import BookingRow
from projections.flights import FlightRow, FlightSearch, Sort
from projections.refunds import RefundSearch
from projections.waiting import WaitingSearch
from tests.projections.conftest import LedgerDriver


async def folded_row(driver: LedgerDriver, id: UUID) -> Any:
    async with driver.ledger.read() as connection:
        aggregate = fold(await read_stream(connection, id))
    assert isinstance(aggregate, Booking | Flight)
    return BookingRow.of(aggregate) if isinstance(aggregate, Booking) else FlightRow.of(aggregate)


async def test_a_row_is_the_fold_of_its_stream(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    held, paid, refunded = [await driver.hold(flight) for _ in range(3)]
    await driver.pay(paid, 100)
    await driver.pay(refunded, 100)
    await driver.cancel(refunded)
    await driver.do(RepriceFlight(flight, Price(700, "INR")))
    await driver.do(ChangeFlightSeats(flight, 7))
    async with driver.ledger.read() as connection:
        rows = [(await bookings.find(connection, id)).value for id in (held, paid, refunded)]
        flight_row = (await flights.find(connection, flight)).value
    assert rows == [await folded_row(driver, id) for id in (held, paid, refunded)]
    assert [row.status for row in rows if row] == [Status.INITIATED, Status.BOOKED, Status.CANCELLED]
    assert flight_row == await folded_row(driver, flight)


async def test_a_row_encodes_to_the_documented_body(driver: LedgerDriver) -> None:
    booking = await driver.hold(await driver.schedule(), seats=2)
    async with driver.ledger.read() as connection:
        body = msgspec.to_builtins((await bookings.find(connection, booking)).value)
    assert list(body) == [
        "id",
        "reference",
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
        "itinerary_id",
        "travel",
        "schedule_change",
        "passengers",
        "split_from",
    ]
    assert body["total_cost"] == {"amount": 200, "currency": "INR"}
    assert body["created_at"].endswith("Z")
    assert body["payment"] is None


async def test_repeating_an_upsert_changes_nothing(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    booking = await driver.hold(flight)
    async with driver.ledger.read() as connection:
        before = (await bookings.find(connection, booking), await flights.find(connection, flight))
        aggregates = fold(await read_stream(connection, booking)), fold(await read_stream(connection, flight))
        for _ in range(2):
            await connection.execute(*bookings.upsert([aggregates[0]]))  # type: ignore[list-item]
            await connection.execute(*flights.upsert([aggregates[1]]))  # type: ignore[list-item]
        assert (await bookings.find(connection, booking), await flights.find(connection, flight)) == before


async def test_an_expired_hold_counts_as_available_before_any_sweep(driver: LedgerDriver) -> None:
    flight = await driver.schedule(seats=10)
    late, soon, paid = [await driver.hold(flight, seats=2) for _ in range(3)]
    await driver.pay(paid, 200)
    ended = "update ledger.bookings set held_until = now() - interval '1 s' where id = any(%s)"
    await driver.sql(ended, [late])
    async with driver.ledger.read() as connection:
        free = (await availability.find(connection, flight)).value
        assert free is not None
        assert (free.seats, free.held, free.booked, free.available) == (10, 2, 2, 6)
        for seats, count in [(6, 1), (7, 0)]:
            page = await flights.page(connection, FlightSearch(min_seats=seats), None, 10)
            assert len(page.value) == count
        assert (await bookings.find(connection, soon)).value is not None


async def test_query_time_is_never_before_the_last_event(driver: LedgerDriver) -> None:
    """A hold that expired by the time of the log stays expired after the machine's clock is set back."""
    flight = await driver.schedule()
    await driver.hold(flight)
    await driver.sql("alter table ledger.events disable trigger append_only")
    await driver.sql("update ledger.events set recorded_at = '2045-01-01Z' where position = 2")
    # The bound is inclusive: a hold that ends now has ended.
    await driver.sql("update ledger.bookings set held_until = '2045-01-01Z'")
    await driver.sql("update ledger.flights set departs_at = '2045-01-01Z'")
    async with driver.ledger.read() as connection:
        free = (await availability.find(connection, flight)).value
        assert free is not None
        assert free.held == 0
        row = (await flights.find(connection, flight)).value
        assert row is not None
        assert row.status is FlightStatus.DEPARTED


async def test_a_query_without_rows_still_has_a_position(driver: LedgerDriver) -> None:
    async with driver.ledger.read() as connection:
        for position in (0, 1):
            assert await head.position(connection) == position
            assert await bookings.find(connection, new_id()) == (position, None)
            assert await flights.find(connection, new_id()) == (position, None)
            assert await availability.find(connection, new_id()) == (position, None)
            assert await booking_lists.page(connection, BookingSearch(), None, 10) == (position, [])
            assert await flights.page(connection, FlightSearch(origin="CDG"), None, 10) == (position, [])
            async with head.snapshot(connection) as current:
                assert current == position
            if position == 0:
                await driver.schedule()


async def test_a_snapshot_does_not_change(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    async with driver.ledger.read() as connection:
        async with head.snapshot(connection) as position:
            booking = await driver.hold(flight)
            assert await head.position(connection) == position == 1
            assert await read_stream(connection, booking) == []
        assert await head.position(connection) == 2


@pytest.mark.parametrize("sort", Sort)
async def test_pages_cover_all_flights_without_overlap(driver: LedgerDriver, sort: Sort) -> None:
    ids = {await driver.schedule(f"BA{number}", price=100 + number % 2) for number in range(5)}
    search, after, found = FlightSearch(sort=sort), None, []
    async with driver.ledger.read() as connection:
        while rows := (await flights.page(connection, search, after, 2)).value:
            found += [row.id for row in rows]
            after = search.sort_key(rows[-1])
    assert len(found) == 5
    assert set(found) == ids


async def test_the_newest_bookings_come_first(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    ids = [await driver.hold(flight, user) for user in ("alice", "bob", "alice")]
    async with driver.ledger.read() as connection:

        async def list_ids(after: UUID | None = None, **search: Any) -> list[UUID]:
            page = await booking_lists.page(connection, BookingSearch(**search), after, 10)
            return [row.id for row in page.value]

        assert await list_ids() == ids[::-1]
        assert await list_ids(after=ids[1]) == ids[:1]
        assert await list_ids(user_id="alice") == await list_ids(owner="alice") == [ids[2], ids[0]]
        assert await list_ids(user_id="alice", owner="bob") == []
        assert await list_ids(flight_id=flight, status=(Status.INITIATED,)) == ids[::-1]
        assert await list_ids(flight_id=new_id()) == []
        assert await list_ids(status=(Status.BOOKED,)) == []


async def test_bookings_are_found_by_each_status(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    ids = {status: await driver.hold(flight) for status in Status}
    await driver.do(PayBooking(ids[Status.PENDING], "alice", Money(100, "INR"), Capture.MANUAL))
    await driver.pay(ids[Status.BOOKED], 100)
    await driver.cancel(ids[Status.CANCELLED])
    async with driver.ledger.read() as connection:
        pages = {
            s: await booking_lists.page(connection, BookingSearch(status=(s,)), None, 10) for s in Status
        }
    assert {status: [row.id for row in page.value] for status, page in pages.items()} == {
        status: [id] for status, id in ids.items()
    }


async def test_an_unknown_user_gets_no_rows(driver: LedgerDriver) -> None:
    """An unknown user has an empty pseudonym, which must match no row rather than disable the filter."""
    flight = await driver.schedule(seats=1)
    await driver.hold(flight)
    await driver.do(JoinWaitlist(flight, "alice", 1))
    async with driver.ledger.read() as connection:
        for unknown in ({"owner": ""}, {"user_id": ""}):
            assert (await booking_lists.page(connection, BookingSearch(**unknown), None, 10)).value == []
            assert (await waiting.page(connection, WaitingSearch(**unknown), None, 10)).value == []
        assert len((await waiting.page(connection, WaitingSearch(), None, 10)).value) == 1


async def test_a_row_has_the_parts_and_the_policy_of_its_stream(driver: LedgerDriver) -> None:
    flight = await driver.schedule()
    await driver.do(RepriceFlight(flight, Price(100, "INR", {"fare": 90, "tax:IN": 10})))
    await driver.do(ChangeCancellationPolicy(flight, NewPolicy(None, {"fare": 50})))
    booking = await driver.hold(flight, seats=2)
    await driver.pay(booking, 200)
    await driver.cancel(booking)
    async with driver.ledger.read() as connection:
        row = (await bookings.find(connection, booking)).value
        flight_row = (await flights.find(connection, flight)).value
        _, (refund,) = await refunds.page(connection, RefundSearch(booking_id=booking), None, 2)
    assert row == await folded_row(driver, booking)
    assert flight_row == await folded_row(driver, flight)
    assert row is not None
    assert row.total_cost.parts == {"fare": 180, "tax:IN": 20}
    assert row.cancellation_policy == CancellationPolicy(None, {"fare": 50})
    assert refund.amount == Money(90, "INR", {"fare": 90, "tax:IN": 0})


async def test_plain_bookings_are_written_without_the_columns_of_parts_and_policies(
    driver: LedgerDriver,
) -> None:
    flight = await driver.schedule()
    plain = await driver.hold(flight)
    await driver.do(RepriceFlight(flight, Price(100, "INR", {"fare": 100})))
    parted = await driver.hold(flight)
    async with driver.ledger.read() as connection:
        one, other = [fold(await read_stream(connection, id)) for id in (plain, parted)]
    assert isinstance(one, Booking)
    assert isinstance(other, Booking)
    assert "cost_parts" not in bookings.table_for([one]).names
    assert bookings.table_for([one, other]) is bookings.TABLE
