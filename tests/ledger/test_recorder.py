"""The library's own tools read our log: its repository, its notifications, its subscription."""

import asyncio
from threading import Event
from typing import Any

import psycopg
import pytest
from eventsourcing.application import Repository

import ledger.recorder
from domain.booking import Booking, Status
from ledger.recorder import LedgerRecorder
from tests.desk import Desk


async def test_the_librarys_repository_loads_our_bookings(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    booking_id = (await desk.hold(flight, "alice")).subject_id
    await desk.pay(booking_id, "alice")
    assert booking_id
    repository = Repository(LedgerRecorder(database_url).event_store())
    booking: Booking = repository.get(booking_id)
    assert (booking.version, booking.status, booking.user_id) == (3, Status.BOOKED, "alice")
    early: Booking = repository.get(booking_id, version=1)
    assert early.status is Status.INITIATED


async def test_a_stream_is_read_from_to_backwards_and_in_part(desk: Desk, database_url: str) -> None:
    booking_id = (await desk.hold(await desk.schedule(), "alice")).subject_id
    await desk.pay(booking_id, "alice")
    assert booking_id
    recorder = LedgerRecorder(database_url)

    def versions(**part: Any) -> list[int]:
        return [event.originator_version for event in recorder.select_events(booking_id, **part)]

    assert versions() == [1, 2, 3]
    assert versions(gt=1) == [2, 3]
    assert versions(lte=2) == [1, 2]
    assert versions(desc=True) == [3, 2, 1]
    assert versions(desc=True, limit=1) == [3]


async def test_notifications_are_the_log_in_order(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    for user in ("alice", "bob"):
        await desk.hold(flight, user)
    recorder = LedgerRecorder(database_url)
    assert recorder.max_notification_id() == 3
    assert [n.id for n in recorder.select_notifications(None, 10)] == [1, 2, 3]
    assert [n.id for n in recorder.select_notifications(1, 1, inclusive_of_start=False)] == [2]
    assert [n.id for n in recorder.select_notifications(1, 10, stop=2)] == [1, 2]
    assert [n.topic for n in recorder.select_notifications(1, 10, topics=["flight.scheduled"])] == [
        "flight.scheduled"
    ]


async def test_nobody_gets_the_whole_log_in_one_call(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    await desk.hold(flight, "alice")
    monkeypatch.setattr(ledger.recorder, "NOTIFICATIONS_MAX", 1)
    assert len(LedgerRecorder(database_url).select_notifications(1, 10**9)) == 1


async def test_a_subscription_yields_what_was_and_what_comes(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    with LedgerRecorder(database_url).subscribe() as subscription:
        assert await _next(subscription) == 1
        # The third is not there yet when the subscription looks for what it may have missed.
        for position, user in [(2, "alice"), (3, "bob")]:
            await desk.hold(flight, user)
            assert await _next(subscription) == position


async def test_a_subscription_misses_nothing_that_was_written_before_it_listened(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight, written, execute = await desk.schedule(), Event(), psycopg.Connection.execute

    def listen_late(connection: Any, query: Any, *others: Any) -> Any:
        if str(query).startswith("listen"):
            assert written.wait(10)
        return execute(connection, query, *others)

    monkeypatch.setattr(psycopg.Connection, "execute", listen_late)
    with LedgerRecorder(database_url).subscribe() as subscription:
        assert await _next(subscription) == 1
        await desk.hold(flight, "alice")
        written.set()
        assert await _next(subscription) == 2


async def test_a_subscription_whose_connection_breaks_says_so(
    desk: Desk, database_url: str, rows: Any
) -> None:
    await desk.schedule()
    with LedgerRecorder(database_url).subscribe() as subscription:
        next(subscription)
        cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'listen%'"
        async with asyncio.timeout(10):
            while rows(cut) == [(0,)]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(asyncio.to_thread(next, subscription), 10)


async def test_the_recorder_does_not_write(database_url: str) -> None:
    with pytest.raises(NotImplementedError, match="blocks"):
        LedgerRecorder(database_url).insert_events([])


async def _next(subscription: Any) -> int:
    """The position of the next notification, which is not waited for without end."""
    waiting = asyncio.create_task(asyncio.to_thread(next, subscription))
    assert await asyncio.wait({waiting}, timeout=5) == ({waiting}, set())
    return int(waiting.result().id)
