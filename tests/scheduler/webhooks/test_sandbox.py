"""Messages of a sandbox say `livemode: false`, as its events in the API do; those of a live ledger do not."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from analytics.schema import migrate
from analytics.webhooks import Payload
from analytics.webhooks.queue import add_test
from domain.commands.sandbox import AdvanceClock
from ledger.ids import new_id
from ledger.ledger import Ledger, open_ledger
from tests.desk import Desk
from tests.scheduler.webhooks.conftest import LOCAL, Office, book, deliveries_of
from tests.scheduler.webhooks.receiver import Message, Receiver
from tests.waiting import await_until

PAYLOADS: tuple[Payload, ...] = ("thin", "full")


@pytest.fixture
async def sandbox(empty_database_url: str) -> AsyncIterator[Ledger]:
    migrate(empty_database_url, is_sandbox=True)
    async with open_ledger(empty_database_url, replace(LOCAL, sandbox=True)) as ledger:
        yield ledger


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_messages_of_a_sandbox_are_marked(
    sandbox: Ledger, receiver: Receiver, payload: Payload
) -> None:
    messages = await messages_of(sandbox, receiver, payload)
    assert [one.content.get("livemode") for one in messages] == [False] * 3


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_messages_of_a_live_ledger_have_no_mark(
    ledger: Ledger, receiver: Receiver, payload: Payload
) -> None:
    messages = await messages_of(ledger, receiver, payload)
    assert not any("livemode" in one.body for one in messages)


async def messages_of(ledger: Ledger, receiver: Receiver, payload: Payload) -> list[Message]:
    """Return the messages of a flight, a booking and a test."""
    desk, office = Desk(ledger), Office(ledger)
    webhook = await office.register(receiver.url(), payload=payload)
    async with office.change() as webhooks:
        await add_test(webhooks._connection, webhook.id, new_id())
    async with office.sending():
        await book(desk, await desk.schedule())
        await await_until(lambda: len(receiver.taken) == 3)
    assert sorted(one.content["type"] for one in receiver.taken) == [
        "booking.initiated",
        "flight.scheduled",
        "webhook.test",
    ]
    assert all(one.is_signed_by(office.secrets[webhook.id].secret) for one in receiver.taken)
    return receiver.taken


async def test_attempts_go_by_the_clock_of_the_sandbox(sandbox: Ledger, receiver: Receiver) -> None:
    desk, office = Desk(sandbox), Office(sandbox)
    receiver.answer = lambda message: 500
    webhook = await office.register(receiver.url(), types=["flight.scheduled"])

    async def states() -> list[tuple[int, str]]:
        return [(one.attempts, one.state) for one in await deliveries_of(office, webhook)]

    async def has_tried(attempts: int, state: str) -> bool:
        return await states() == [(attempts, state)]

    async with office.sending():
        await desk.schedule()
        await await_until(lambda: has_tried(1, "waiting"))
        await desk.submit(AdvanceClock("PT10S"))
        await await_until(lambda: has_tried(2, "waiting"))
        await desk.submit(AdvanceClock("P3D"))
        await await_until(lambda: has_tried(3, "parked"))
    assert len(receiver.messages) == 3
