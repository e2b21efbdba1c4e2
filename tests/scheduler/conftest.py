"""Fixtures: a ledger with holds that expire at once, and an airline in it."""

from collections.abc import AsyncIterator

import pytest

from database.connection import connect_as_owner
from ledger.ledger import Ledger, open_ledger
from runtime.settings import Settings
from tests.scheduler.airline import Airline


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    async with open_ledger(database_url, Settings(hold_seconds=0, deadline_seconds=1)) as ledger:
        yield ledger


@pytest.fixture
async def airline(ledger: Ledger, database_url: str) -> AsyncIterator[Airline]:
    async with await connect_as_owner(database_url, "test") as owner:
        yield Airline(ledger, owner)
