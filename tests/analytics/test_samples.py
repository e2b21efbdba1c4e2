"""The queries in docs/how-to/analytics.md, asked of a small log: they answer what the page says."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from domain.caller import SYSTEM, Caller, Role
from domain.commands.base import Command
from domain.commands.bookings import CancelBooking, ExpireHold, InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from domain.commands.payments import PayBooking
from domain.money import Money
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Submission, render_plain
from runtime.settings import Settings
from tests.analytics.conftest import Follow

OPS = Caller("ops", frozenset({Role.OPERATOR}))


async def small_log(url: str) -> None:
    """Record a flight of ten seats and five holds: two are paid, and one of these is cancelled later."""
    departs = datetime.now(UTC) + timedelta(days=29, hours=12)
    async with open_ledger(url, Settings()) as ledger, open_ledger(url, Settings(hold_seconds=0)) as hasty:

        async def do(command: Command, at: Ledger = ledger, caller: Caller = OPS) -> Any:
            return (await at.submit(Submission(command, caller, render_plain))).subject_id

        def hold(seats: int) -> InitiateBooking:
            return InitiateBooking(flight, "alice", seats)

        arrives = departs + timedelta(hours=8)
        flight = await do(ScheduleFlight("BA117", "LHR", "JFK", departs, arrives, 10, Price(100_00, "INR")))
        two = await do(hold(2))
        await do(PayBooking(two, "alice", Money(1, "INR")))
        await do(PayBooking(two, "alice", Money(200_00, "INR")))
        one = await do(hold(1))
        await do(PayBooking(one, "alice", Money(100_00, "INR")))
        await do(CancelBooking(await do(hold(1))))
        await do(hold(9))
        await do(ExpireHold(await do(hold(1), hasty)), caller=SYSTEM)
        await do(hold(1))
        await do(CancelBooking(two))


async def test_the_sample_queries_return_the_documented_results(
    database_url: str, checkout: Path, follow: Follow
) -> None:
    await small_log(database_url)
    await follow()
    page = (checkout / "docs" / "how-to" / "analytics.md").read_text()
    samples = re.findall(r"^```sql\n(select.*?)^```\n```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(samples) == 8
    with psycopg.connect(database_url, options="-c role=seatledger_analyst -c timezone=UTC") as analyst:
        for query, answer in samples:
            rows = analyst.execute(query.encode()).fetchall()
            assert "".join(" | ".join(map(str, row)) + "\n" for row in rows) == answer, query
