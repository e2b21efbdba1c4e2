"""A ledger with a master key, its callers, and a search through the whole database."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar
from psycopg import sql

from api.app import create_app
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from ledger.master_key import key_ledger
from runtime.settings import Settings
from tests.api.conftest import BA117, SECRET, client, running, token

MASTER_KEY = bytes(range(32))
NAME = "Alice Liddell-Hargreaves"
SETTINGS = Settings(jwt_secret=SECRET, deadline_seconds=3, master_key=MASTER_KEY)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(MASTER_KEY)


@pytest.fixture
def keyed_url(database_url: str, keyring: Keyring) -> str:
    key_ledger(database_url, keyring)
    return database_url


@dataclass
class House:
    app: Litestar
    alice: httpx.AsyncClient
    bob: httpx.AsyncClient
    operator: httpx.AsyncClient
    auditor: httpx.AsyncClient

    async def post(self, who: httpx.AsyncClient, path: str, body: Any = None, **headers: str) -> Any:
        answer = await who.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def flight(self, **changes: Any) -> Any:
        return await self.post(self.operator, "/flights", {**BA117, **changes})

    async def hold(self, who: httpx.AsyncClient, flight: Any, name: str = NAME, seats: int = 1) -> Any:
        body = {"flight_id": flight["id"], "user_id": name, "seats": seats}
        return await self.post(who, "/bookings", body)

    async def pay(self, who: httpx.AsyncClient, booking: Any, key: str, **more: Any) -> httpx.Response:
        body = {
            "booking_id": booking["id"],
            "user_id": booking["user_id"],
            "total_cost": booking["total_cost"],
        }
        headers = {"x-idempotency-key": key}
        return await who.post("/api/v1/bookings/payments", json={**body, **more}, headers=headers)


@pytest.fixture
async def house(keyed_url: str) -> AsyncIterator[House]:
    app = create_app(SETTINGS, lambda: open_ledger(keyed_url, SETTINGS))
    async with running(app):
        yield opened(app)


def opened(app: Litestar) -> House:
    return House(
        app,
        client(app, token(NAME, "client")),
        client(app, token("bob", "client")),
        client(app, token("the operator", "operator")),
        client(app, token("the auditor", "auditor")),
    )


@pytest.fixture
def places(keyed_url: str) -> Callable[..., list[str]]:
    """Search function: the tables, views and statistics that contain one of the texts; bytes as hex."""
    return search_of(keyed_url)


def search_of(url: str) -> Callable[..., list[str]]:
    def search(*needles: str) -> list[str]:
        found = []
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("analyze")
            for schema, name in connection.execute(_RELATIONS).fetchall():
                table = sql.Identifier(schema, name)
                with connection.cursor().copy(
                    sql.SQL("copy (select * from {}) to stdout").format(table)
                ) as rows:
                    text = b"".join(bytes(row) for row in rows).decode()
                found += [f"{schema}.{name}: {needle}" for needle in needles if needle in text]
        return found

    return search


_RELATIONS = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm') and (n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
        or c.relname in ('pg_statistic', 'pg_description'))
    order by 1, 2
"""


@pytest.fixture
def checkpoints(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)
