"""A ledger with trade in it, rounds of the self-audit on demand, and a superuser who corrupts and mends."""

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

TABLES = ("views.flights", "views.bookings", "views.refunds", "views.waiting", "ledger.seats")


@pytest.fixture
async def auditor(database_url: str) -> AsyncIterator[Connection]:
    """A connection as the scheduler has it."""
    async with await connect(database_url, "test self-audit") as connection:
        yield connection


@pytest.fixture
def audit(auditor: Connection) -> Audit:
    """A full round, and how it stands then."""

    async def one() -> AuditStatus:
        await full_round(auditor)
        return await read_status(auditor)

    return one


@pytest.fixture
def mend(rows: Callable[..., list[Any]], tamper: Callable[[str], Any]) -> Callable[[], Callable[..., None]]:
    """`put_back = mend()` remembers all tables; `put_back(*some)` makes their rows what they were."""

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
