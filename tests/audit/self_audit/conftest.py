"""A ledger with commands, rounds of the self-audit on demand, and corruption by a superuser."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from audit.self_audit.rounds import full_round
from audit.self_audit.status import AuditStatus, read_status
from database.connection import Connection, connect
from tests.analytics.conftest import trade
from tests.desk import desk, log
from tests.scheduler.test_sweeper import told

__all__ = ["desk", "log", "told", "trade"]

Audit = Callable[[], Awaitable[AuditStatus]]

TABLES = ("ledger.flights", "ledger.bookings", "ledger.refunds", "ledger.waiting", "ledger.seats")


@pytest.fixture
async def auditor(database_url: str) -> AsyncIterator[Connection]:
    """A connection with the scheduler's settings."""
    async with await connect(database_url, "test self-audit") as connection:
        yield connection


@pytest.fixture
def audit(auditor: Connection) -> Audit:
    """Run a full round and return the status."""

    async def one() -> AuditStatus:
        await full_round(auditor)
        return await read_status(auditor)

    return one


@pytest.fixture
def mend(rows: Callable[..., list[Any]], tamper: Callable[[str], Any]) -> Callable[[], Callable[..., None]]:
    """`put_back = mend()` copies all tables; `put_back(*some)` restores the rows of these tables."""

    def remember() -> Callable[..., None]:
        statements = {}
        for table in TABLES:
            names = ", ".join(name for (name,) in rows(COLUMNS, table))
            kept = f"kept_{table.partition('.')[2]}"
            rows(f"create table {kept} as table {table}")
            insert = f"insert into {table} ({names}) select {names} from {kept}"
            statements[table] = f"delete from {table}; {insert}"
        return lambda *some: tamper("; ".join(statements[table] for table in some or TABLES))

    return remember


COLUMNS = """
    select attname from pg_attribute where attrelid = %s::regclass and attnum > 0
        and attgenerated = '' and not attisdropped order by attnum
"""
