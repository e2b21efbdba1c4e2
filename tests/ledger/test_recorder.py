"""The library's own tools read our log: its repository, its notifications, its subscription."""

import asyncio
from itertools import islice

import pytest
from eventsourcing.application import Repository

from domain.booking import Booking, Status
from ledger.recorder import LedgerRecorder
from tests.ledger.conftest import Desk


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


async def test_notifications_are_the_log_in_order(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()
    for user in ("alice", "bob"):
        await desk.hold(flight, user)
    recorder = LedgerRecorder(database_url)
    assert recorder.max_notification_id() == 3
    assert [n.id for n in recorder.select_notifications(None, 10)] == [1, 2, 3]
    assert [n.id for n in recorder.select_notifications(1, 1, inclusive_of_start=False)] == [2]
    assert [n.topic for n in recorder.select_notifications(1, 10, topics=["flight.scheduled"])] == [
        "flight.scheduled"
    ]


async def test_a_subscription_yields_what_was_and_what_comes(desk: Desk, database_url: str) -> None:
    flight = await desk.schedule()

    def listen() -> list[int]:
        with LedgerRecorder(database_url).subscribe() as subscription:
            return [notification.id for notification in islice(subscription, 3)]

    listening = asyncio.create_task(asyncio.to_thread(listen))
    for user in ("alice", "bob"):
        await desk.hold(flight, user)
    assert await asyncio.wait_for(listening, 10) == [1, 2, 3]


async def test_the_recorder_does_not_write(database_url: str) -> None:
    with pytest.raises(NotImplementedError, match="blocks"):
        LedgerRecorder(database_url).insert_events([])
