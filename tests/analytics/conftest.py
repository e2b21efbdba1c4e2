"""Fixtures: a ledger with random trade, and a follower that runs only when a test calls it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from database.connection import Connection, connect
from tests.analytics.trade import Trade, open_trade

SEED = 1979


@pytest.fixture
async def trade(database_url: str) -> AsyncIterator[Trade]:
    async with open_trade(database_url, SEED) as trade:
        yield trade


@pytest.fixture
async def follower(database_url: str) -> AsyncIterator[Connection]:
    """Connect as the scheduler does."""
    connection = await connect(database_url, "test follower")
    async with connection:
        yield connection


Follow = Callable[..., Awaitable[None]]


@pytest.fixture
def follow(follower: Connection) -> Follow:
    """Return a function that brings projections up to the head, `limit` events at a time."""

    async def follow(limit: int = 5_000, *names: str) -> None:
        for projection in PROJECTIONS.values():
            if names and projection.name not in names:
                continue
            while True:
                at = await advance(follower, projection, None, limit)
                assert at is not None
                if not at.is_behind or at.error or at.version != projection.version:
                    break

    return follow


@pytest.fixture
def facts(rows: Callable[..., list[Any]]) -> Callable[[], dict[str, list[Any]]]:
    """Return a function that reads every row of every fact table."""

    def read() -> dict[str, list[Any]]:
        return {
            name: rows(f"select t::text from ledger.analytics_{name} as t order by {projection.key}")
            for name, projection in PROJECTIONS.items()
        }

    return read
