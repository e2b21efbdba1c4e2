"""The follower of webhooks: one sender, a backlog with a limit, another log after a restore, and rebuilds."""

import pytest

from analytics.facts import PROJECTIONS
from analytics.follower.rebuild import rebuild
from analytics.webhooks import following, status
from api.readiness import check_readiness
from scheduler.webhooks.sender import Sender
from tests.desk import Desk
from tests.scheduler.webhooks.conftest import Office, book, execute
from tests.scheduler.webhooks.receiver import Receiver
from tests.waiting import await_until


async def test_of_two_senders_one_sends(desk: Desk, office: Office, receiver: Receiver) -> None:
    await office.register(receiver.url())
    async with office.sending(), office.sending():
        flight = await desk.schedule(seats=30)
        for _ in range(20):
            await book(desk, flight)
        await await_until(lambda: len(receiver.taken) >= 21)
    assert sorted(receiver.positions()) == list(range(1, 22))


async def test_a_rebuild_sends_nothing(
    desk: Desk, office: Office, receiver: Receiver, database_url: str
) -> None:
    await office.register(receiver.url())
    async with office.sending():
        await desk.schedule()
        await await_until(lambda: receiver.positions() == [1])
        for projection in PROJECTIONS.values():
            await rebuild(database_url, projection, lambda progress: None)
        await book(desk, await desk.schedule("BA2"))
        await await_until(lambda: len(receiver.taken) == 3)
    assert sorted(receiver.positions()) == [1, 2, 3]


async def test_a_webhook_with_too_many_waiting_deliveries_falls_behind(
    desk: Desk, office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BACKLOG_MAX", 5)
    receiver.answer = lambda message: 500 if message.path == "/dead" else 200
    dead = await office.register(receiver.url("/dead"))
    await office.register(receiver.url("/good"))
    flight = await desk.schedule(seats=40)
    async with office.sending():
        for number in range(1, 31):
            await book(desk, flight)
            await await_until(lambda number=number: number + 1 in receiver.positions("/good"))  # type: ignore[misc]
        async with office.change() as webhooks:
            behind = (await webhooks.find(dead.id)).position
        assert behind is not None
        assert behind < 31
        receiver.answer = lambda message: 200
        await execute(office, "update webhook_deliveries set due_at = now() - interval '1 s'")
        await await_until(lambda: sorted(receiver.positions("/dead")) == list(range(1, 32)))


async def test_another_log_after_a_restore_stops_the_follower_until_a_restart(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    await office.register(receiver.url())
    await desk.schedule("BA1")
    await execute(office, "update webhook_progress set position = 7, hash = '\\x00'")
    await execute(office, "update webhooks set position = null")
    sender = Sender(office.ledger)
    await sender.step()
    assert isinstance(sender.task.error, following.OtherLog)
    [check] = [one for one in (await check_readiness(office.ledger)).checks if one.name == "webhooks"]
    assert (check.ok, "seatledger webhooks restart" in check.detail) == (False, True)
    async with office.ledger.read() as connection:
        assert await following.restart(connection) == 1
    async with office.sending():
        await desk.schedule("BA2")
        await await_until(lambda: receiver.positions() == [2])
    await sender.close()


async def test_a_follower_that_stands_still_is_named(desk: Desk, office: Office, receiver: Receiver) -> None:
    await office.register(receiver.url())
    async with office.sending():
        await desk.schedule("BA1")
        await await_until(lambda: receiver.taken)
    await desk.schedule("BA2")
    async with office.ledger.read() as connection:
        now = await status.read_status(connection)
    assert (now.lag_events, now.lag_seconds > 0) == (1, True)
    assert "1 events" in now.summary


async def test_an_emptied_checkpoint_and_altered_flags_are_mended(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    await office.register(receiver.url())
    async with office.sending():
        await desk.schedule("BA1")
        await await_until(lambda: receiver.positions() == [1])
    receiver.answer = lambda message: 500
    async with office.sending():
        await desk.schedule("BA2")
        await await_until(lambda: len(receiver.messages) == 2)
    await execute(office, "delete from webhook_progress")
    await execute(office, "update webhook_deliveries set is_first = false, due_at = now() - interval '1 s'")
    receiver.answer = lambda message: 200
    await desk.schedule("BA3")
    async with office.sending():
        await await_until(lambda: sorted(receiver.positions()) == [1, 2, 3])
