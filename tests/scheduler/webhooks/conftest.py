"""A ledger with webhooks to a receiver on this machine, and a sender for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest

from analytics.webhooks import Payload
from analytics.webhooks.deliveries import Delivery, DeliverySearch, page
from analytics.webhooks.endpoints import Webhook, Webhooks
from analytics.webhooks.signing import Secret, new_secret
from database.head import position
from domain.commands.bookings import InitiateBooking
from ledger.ids import new_id
from ledger.ledger import Ledger, open_ledger
from runtime.settings import Settings
from scheduler.webhooks.sender import Sender
from tests.desk import Desk
from tests.scheduler.webhooks.receiver import Receiver

NOW = datetime.now(UTC)
LOCAL = Settings(deadline_seconds=5, webhook_networks=(ip_network("127.0.0.0/8"),))


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    async with open_ledger(database_url, LOCAL) as ledger:
        yield ledger


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Office:
    """Registers webhooks, and sends for the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.secrets: dict[UUID, Secret] = {}

    async def register(
        self,
        url: str,
        user: str | None = None,
        after: int | None = None,
        types: list[str] | None = None,
        payload: Payload = "thin",
    ) -> Webhook:
        secret = new_secret()
        async with self.change() as webhooks:
            start = await position(webhooks._connection) if after is None else after
            webhook = await webhooks.add(
                Webhook(new_id(), url, types, payload, user, True, start, NOW, NOW, 1, None), secret
            )
        self.secrets[webhook.id] = secret
        return webhook

    @asynccontextmanager
    async def change(self) -> AsyncIterator[Webhooks]:
        async with self.ledger.read() as connection, connection.transaction():
            yield Webhooks(connection, self.ledger.keyring)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Sender]:
        """Run a sender until the block ends."""
        sender, stop = Sender(self.ledger), asyncio.Event()
        running = asyncio.create_task(sender.run(stop))
        try:
            yield sender
        finally:
            stop.set()
            await running

    async def head(self) -> int:
        async with self.ledger.read() as connection:
            return await position(connection)


@pytest.fixture
def office(ledger: Ledger) -> Office:
    return Office(ledger)


def groups(pairs: list[tuple[Any, int]]) -> dict[Any, list[int]]:
    """Return the second members by the first, in order."""
    found: dict[Any, list[int]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


async def hurry(office: Office) -> None:
    """Make all attempts due, as if their pauses were over."""
    await execute(office, "update webhook_deliveries set due_at = now() - interval '1 s' where is_first")


async def execute(office: Office, statement: str) -> None:
    async with office.ledger.read() as connection:
        await connection.execute(statement.encode())


async def deliveries_of(office: Office, webhook: Webhook) -> list[Delivery]:
    async with office.ledger.read() as connection:
        found = await page(connection, DeliverySearch(webhook.id), None, 200)
    return sorted(found, key=lambda one: one.position or 0)


async def book(desk: Desk, flight: UUID, user: str = "alice") -> UUID:
    answer = await desk.submit(InitiateBooking(flight, user, 1), user)
    assert answer.subject_id is not None, answer.body
    return answer.subject_id
