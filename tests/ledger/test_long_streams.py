"""Flights with long streams: a block reads only new events, with the same results as a full read."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

import ledger.flight_cache
from audit.verify import verify
from domain.commands.fields import Price
from domain.commands.flights import CancelFlight, ChangeFlightSeats, RepriceFlight
from domain.commands.payments import CapturePayment, PayBooking
from domain.money import Money
from domain.payments import Capture
from ledger.flight_cache import LONG_STREAM_EVENTS
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.desk import Desk
from tests.waiting import await_until


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Desk]:
    """Open a ledger as another process would; the first one has to read its events."""
    async with open_ledger(database_url, Settings()) as ledger:
        yield Desk(ledger)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of events that each block reads."""
    counts: list[int] = []
    fill = ledger.store.fill

    def counted(working_set: Any, rows: list[Any]) -> None:
        counts.append(len(rows))
        fill(working_set, rows)

    monkeypatch.setattr(ledger.store, "fill", counted)
    return counts


async def _repriced(desk: Desk, flight: UUID, times: int) -> None:
    for number in range(times):
        assert (await desk.submit(RepriceFlight(flight, Price(1_000 + number, "INR")))).status == 200


def _cost(database_url: str, booking: UUID | None) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select cost_amount from ledger.bookings where id = %s", (booking,)
        ).fetchone()
    assert row
    return int(row[0])


async def test_a_block_reads_only_new_events_of_a_cached_flight(
    desk: Desk, other: Desk, read: list[int]
) -> None:
    flight = await desk.schedule()
    await _repriced(desk, flight, LONG_STREAM_EVENTS)
    read.clear()
    await desk.hold(flight, "alice")
    await other.hold(flight, "bob")
    await desk.submit(RepriceFlight(flight, Price(7, "INR")))
    await other.hold(flight, "bob")
    await desk.hold(flight, "alice")
    assert read == [0, LONG_STREAM_EVENTS + 1, 0, 1, 0]


async def test_changes_by_other_processes_are_read(desk: Desk, other: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    await _repriced(desk, flight, LONG_STREAM_EVENTS)
    await desk.hold(flight, "alice")
    await _repriced(other, flight, 3)
    booking = await desk.hold(flight, "alice")
    assert _cost(database_url, booking.subject_id) == 1_002
    assert (await desk.submit(ChangeFlightSeats(flight, 11))).version == LONG_STREAM_EVENTS + 5
    assert (await other.submit(CancelFlight(flight, "snow"))).status == 200
    assert b"flight-not-bookable" in (await desk.hold(flight, "alice")).body
    assert verify(database_url).ok


async def test_a_dry_run_does_not_change_the_cache(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    await _repriced(desk, flight, LONG_STREAM_EVENTS)
    await desk.submit(RepriceFlight(flight, Price(9, "INR")), dry_run=True)
    booking = await desk.hold(flight, "alice")
    assert _cost(database_url, booking.subject_id) == 1_000 + LONG_STREAM_EVENTS - 1
    await _repriced(desk, flight, 1)
    assert verify(database_url).ok


async def test_a_late_payment_finds_its_cached_flight(database_url: str, rows: Any, read: list[int]) -> None:
    async with open_ledger(database_url, Settings(hold_seconds=1, capture_seconds=1)) as hasty:
        desk = Desk(hasty)
        flight = await desk.schedule()
        await _repriced(desk, flight, LONG_STREAM_EVENTS)
        booking = (await desk.hold(flight, "alice")).subject_id
        assert booking
        cost = Money(1_000 + LONG_STREAM_EVENTS - 1, "INR")
        assert (await desk.submit(PayBooking(booking, "alice", cost, Capture.MANUAL), "alice")).status == 200
        await await_until(lambda: rows("select id from ledger.bookings where held_until <= now()"))
        read.clear()
        assert (await desk.submit(CapturePayment(booking))).version == 5  # cancelled and seated again
    assert read == [2]
    assert verify(database_url).ok


async def test_the_cache_has_a_maximum_size(
    desk: Desk, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.flight_cache, "CAPACITY", 1)
    first, second = await desk.schedule(), await desk.schedule("BA2")
    await _repriced(desk, first, LONG_STREAM_EVENTS)
    await _repriced(desk, second, LONG_STREAM_EVENTS)
    read.clear()
    await desk.hold(second, "alice")
    await desk.hold(first, "alice")
    await desk.hold(first, "alice")
    assert read == [0, LONG_STREAM_EVENTS + 1, 0]


async def test_a_recently_used_flight_stays_in_the_cache(
    desk: Desk, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.flight_cache, "CAPACITY", 2)
    first, second = await desk.schedule(), await desk.schedule("BA2")
    await desk.hold(first, "alice")
    await desk.schedule("BA3")
    read.clear()
    await desk.hold(first, "alice")
    await desk.hold(second, "alice")
    assert read == [0, 1]
