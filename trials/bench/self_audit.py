"""The self-audit: the time until it has seen a whole log, reports a corrupted row, and accepts the repair.

Fills a ledger with trade and runs the program on it.
"""

import asyncio
import random
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from audit.self_audit.status import AuditStatus, read_status
from database.connection import Connection, connect
from trials.bench import servers
from trials.bench.fresh import BenchLedger, fresh_ledger
from trials.bench.load import load
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.report import BenchCheck
from trials.bench.tables import ResultTable

CORRUPT_WITHIN_SECONDS = 30
"""The time of a corruption within the pause between two audit rounds is random."""

SECONDS_MAX = 3_600


def measure(options: Namespace) -> dict[str, Any]:
    with fresh_ledger() as ledger:
        events = run(load(ledger, options.events))
        with servers.running("cli.main", "up", "--data", str(ledger.data), log=ledger.data / "up.log"):
            figures = asyncio.run(_figures(ledger, events, options.tries))
    # A corruption that is not reported ends the benchmark with an error.
    return {"figures": figures, "checks": [BenchCheck("every corruption is reported", True)]}


async def _figures(ledger: BenchLedger, events: int, tries: int) -> dict[str, list[float]]:
    async with await connect(ledger.url, "bench") as connection:
        first = await _seconds_until(connection, lambda status: status.position >= events)
        alarms = [await _corrupt(connection) for _ in range(tries)]
    return {
        f"first round over {events:,} events, s": [first],
        "row corrupted until red, s": [red for red, _ in alarms],
        "row repaired until green, s": [green for _, green in alarms],
    }


async def _corrupt(connection: Connection) -> tuple[float, float]:
    """Return the seconds until a corrupted row is reported, and until the repaired row is accepted."""
    await asyncio.sleep(random.uniform(0, CORRUPT_WITHIN_SECONDS))
    row = await (await connection.execute(_CORRUPT, (random.random(),))).fetchone()
    assert row
    red = await _seconds_until(connection, lambda status: not status.ok)
    await connection.execute(_REPAIR, (row[0],))
    return red, await _seconds_until(connection, lambda status: status.ok)


async def _seconds_until(connection: Connection, holds: Callable[[AuditStatus], bool]) -> float:
    began = time.perf_counter()
    async with asyncio.timeout(SECONDS_MAX):
        while not holds(await read_status(connection)):  # noqa: ASYNC110 - the table is polled
            await asyncio.sleep(0.1)
    return time.perf_counter() - began


_CORRUPT = """
    update ledger.bookings set seats = seats + 1 where id = (
        select originator_id from ledger.events where topic = 'booking.initiated'
            and position <= greatest(2, %s * (select max(position) from ledger.events))
        order by position desc limit 1)
    returning id
"""
_REPAIR = "update ledger.bookings set seats = seats - 1 where id = %s"


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    rows = [(what, ", ".join(f"{one:.1f}" for one in found)) for what, found in raw["figures"].items()]
    return [ResultTable("Self-audit", ("", "measured"), rows)]


PART = Part(
    "self_audit",
    __doc__,
    {
        "events": Option("events in the ledger", 10_000, smoke=2_000),
        "tries": Option("rows that are corrupted and repaired", 5, smoke=1),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
