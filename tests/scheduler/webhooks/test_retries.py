"""What is not taken is repeated for three days, then parked with an alarm, and sent again on demand."""

from datetime import timedelta

import pytest

from analytics.webhooks import status
from analytics.webhooks.queue import pause_after
from api.readiness import check_readiness
from domain.commands.bookings import CancelBooking
from tests.desk import Desk
from tests.scheduler.webhooks.conftest import Office, book, deliveries_of, execute, hurry
from tests.scheduler.webhooks.receiver import Receiver
from tests.waiting import await_until


def test_pauses_grow_to_six_hours() -> None:
    pauses = [pause_after(attempts).total_seconds() for attempts in range(1, 30)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == pauses[13] == timedelta(hours=6).total_seconds()
    assert sum(pauses[:25]) > timedelta(days=2.5).total_seconds()


async def test_a_delivery_is_repeated_and_the_log_has_the_last_answer(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    receiver.answer, receiver.text = lambda message: 503, "try \0 later"
    webhook = await office.register(receiver.url())
    async with office.sending():
        await desk.schedule()
        for tries in (1, 2, 3):
            await await_until(lambda tries=tries: len(receiver.messages) == tries)  # type: ignore[misc]
            await await_until(lambda tries=tries: recorded(office, webhook, tries))  # type: ignore[misc]
            await hurry(office)
        receiver.answer = lambda message: 200
        await await_until(lambda: receiver.taken)
    assert {one.id for one in receiver.messages} == {"1"}
    [delivery] = await deliveries_of(office, webhook)
    assert (delivery.state, delivery.attempts, delivery.status, delivery.error) == (
        "delivered",
        4,
        200,
        None,
    )
    assert delivery.answer == "try  later"


async def recorded(office: Office, webhook, attempts: int) -> bool:  # type: ignore[no-untyped-def]
    return [one.attempts for one in await deliveries_of(office, webhook)] == [attempts]


async def test_after_three_days_it_is_parked_and_the_next_of_the_booking_is_sent(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    flight = await desk.schedule()
    booking = await book(desk, flight)
    await desk.submit(CancelBooking(booking), "alice")
    receiver.answer = lambda message: 500 if message.position == 2 else 200
    webhook = await office.register(receiver.url(), after=1)
    async with office.sending():
        await await_until(lambda: receiver.messages)
        await await_until(lambda: attempted(office, webhook))
        assert receiver.positions() == []
        old = "created_at = created_at - interval '3 days'"
        await execute(office, f"update webhook_deliveries set {old} where position = 2")
        await hurry(office)
        await await_until(lambda: receiver.positions() == [3])
        await await_until(lambda: settled(office, webhook))
    assert [one.state for one in await deliveries_of(office, webhook)] == ["parked", "delivered"]
    async with office.ledger.read() as connection:
        now = await status.read_status(connection)
    assert (now.parked, now.parked_total, now.delivered_total) == (1, 1, 1)
    [check] = [one for one in (await check_readiness(office.ledger)).checks if one.name == "webhooks"]
    assert not check.ok
    assert "1 PARKED" in check.detail
    assert not check.vital

    receiver.answer = lambda message: 200
    async with office.change() as webhooks:
        await webhooks.lock()
        await webhooks.move(webhook.id, 1)
    async with office.sending():
        await await_until(lambda: receiver.positions() == [3, 2, 3])


async def attempted(office: Office, webhook) -> bool:  # type: ignore[no-untyped-def]
    return any(one.attempts for one in await deliveries_of(office, webhook))


async def settled(office: Office, webhook) -> bool:  # type: ignore[no-untyped-def]
    return all(one.state != "waiting" for one in await deliveries_of(office, webhook))


async def test_a_failed_test_is_no_alarm(office: Office, receiver: Receiver) -> None:
    from analytics.webhooks.queue import add_test
    from ledger.ids import new_id

    receiver.answer = lambda message: 500
    webhook = await office.register(receiver.url())
    async with office.change() as webhooks:
        await add_test(webhooks._connection, webhook.id, new_id())
    async with office.sending():
        await await_until(lambda: settled(office, webhook))
    [delivery] = await deliveries_of(office, webhook)
    assert (delivery.id, delivery.state, delivery.attempts) == ("test-1", "failed", 1)
    assert receiver.messages[0].content["type"] == "webhook.test"
    assert receiver.messages[0].id == "test-1"
    [check] = [one for one in (await check_readiness(office.ledger)).checks if one.name == "webhooks"]
    assert check.ok, check


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    desk: Desk, office: Office, receiver: Receiver, status: int
) -> None:
    receiver.answer = lambda message: status if message.path == "/in" else 200
    receiver.headers = {"location": receiver.url("/elsewhere")}
    webhook = await office.register(receiver.url("/in"))
    async with office.sending():
        await desk.schedule()
        await await_until(lambda: attempted(office, webhook))
    assert {one.path for one in receiver.messages} == {"/in"}
    [delivery] = await deliveries_of(office, webhook)
    assert (delivery.state, delivery.status) == ("waiting", status)


async def test_a_disabled_webhook_continues_where_it_stopped(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    from msgspec.structs import replace

    webhook = await office.register(receiver.url())
    async with office.sending():
        await desk.schedule("BA1")
        await await_until(lambda: receiver.positions() == [1])
        async with office.change() as webhooks:
            await webhooks.lock()
            await webhooks.change(replace(await webhooks.find(webhook.id), enabled=False))
        await desk.schedule("BA2")
        other = await office.register(receiver.url("/other"))
        await desk.schedule("BA3")
        await await_until(lambda: receiver.positions("/other") == [3])
        assert receiver.positions("/") == [1]
        async with office.change() as webhooks:
            await webhooks.lock()
            await webhooks.change(replace(await webhooks.find(webhook.id), enabled=True))
        await await_until(lambda: sorted(receiver.positions("/")) == [1, 2, 3])
    assert other.position == 2


async def test_both_secrets_sign_in_the_overlap(desk: Desk, office: Office, receiver: Receiver) -> None:
    from datetime import UTC, datetime

    webhook = await office.register(receiver.url())
    earlier = office.secrets[webhook.id].secret
    async with office.change() as webhooks:
        _, secrets = await webhooks.rotate(webhook.id, datetime.now(UTC), 5)
    current = secrets[0].secret
    async with office.sending():
        await desk.schedule("BA1")
        await await_until(lambda: receiver.taken)
        [message] = receiver.taken
        assert message.is_signed_by(earlier)
        assert message.is_signed_by(current)
        assert len(message.headers["webhook-signature"].split()) == 2
        async with office.change() as webhooks:
            # A day later, the next rotation drops the earlier secret.
            _, secrets = await webhooks.rotate(webhook.id, datetime.now(UTC) + timedelta(hours=25), 5)
        assert [one.secret for one in secrets[1:]] == [current]
        await desk.schedule("BA2")
        await await_until(lambda: len(receiver.taken) == 2)
    assert not receiver.taken[1].is_signed_by(earlier)
    assert receiver.taken[1].is_signed_by(current)


async def test_a_private_address_is_not_reached_without_the_setting(
    desk: Desk, office: Office, receiver: Receiver
) -> None:
    from dataclasses import replace

    webhook = await office.register(receiver.url())
    office.ledger.settings = replace(office.ledger.settings, webhook_networks=())
    async with office.sending():
        await desk.schedule()
        await await_until(lambda: attempted(office, webhook))
    assert receiver.messages == []
    [delivery] = await deliveries_of(office, webhook)
    assert "SEATLEDGER_WEBHOOK_NETWORKS" in (delivery.error or "")
