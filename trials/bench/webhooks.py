"""Deliveries to 1,000 webhooks, one for the bookings of each user, by the scheduler as it runs in production.

Events are written first, so that only the scheduler works; then it sends them. In a second case every tenth
receiver accepts connections and never answers.
"""

import asyncio
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from analytics.webhooks.endpoints import Webhook, Webhooks
from analytics.webhooks.signing import new_secret
from domain.caller import Caller, Role
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import Price
from domain.commands.flights import ScheduleFlight
from ledger.ids import new_id
from ledger.ledger import Ledger
from ledger.submission import Submission, render_plain
from trials.bench import servers
from trials.bench.footprint import seconds_of
from trials.bench.fresh import BenchLedger, fresh_ledger
from trials.bench.part import Option, Part
from trials.bench.tables import ResultTable, case_table, middle
from trials.programs.program import PROGRAM, ROOT

OPERATOR = Caller("olga", frozenset({Role.OPERATOR}))
CASES = {"all answer": 0, "a tenth is dead": 10}
SEATS = 1000
POLL_SECONDS = 0.1
SECONDS_MAX = 600.0


class Deliveries(msgspec.Struct, frozen=True):
    """Deliveries to receivers that answer: how many a second, and the time of one in the scheduler."""

    taken: int
    seconds: float
    per_second: float
    cpu_us: float


def measure(options: Namespace) -> dict[str, Any]:
    rounds = []
    for number in range(options.rounds):
        print(f"webhooks: round {number + 1} of {options.rounds}", file=sys.stderr)
        rounds.append({name: _send(options, every) for name, every in CASES.items()})
    return {"rounds": rounds, "checks": []}


def _send(options: Namespace, dead_every: int) -> Deliveries:
    with fresh_ledger() as fresh, _receiver() as receiver:
        port = int(receiver.read())
        wanted = asyncio.run(_prepare(fresh, port, options.webhooks, options.events, dead_every))
        with _scheduler(fresh) as process:
            while not receiver.taken():
                time.sleep(POLL_SECONDS)
            began, before, first = time.monotonic(), seconds_of([process]), receiver.taken()
            while (taken := receiver.taken()) < wanted and time.monotonic() - began < SECONDS_MAX:
                time.sleep(POLL_SECONDS)
            seconds, busy = time.monotonic() - began, seconds_of([process]) - before
        counted = max(taken - first, 1)
        return Deliveries(taken, seconds, counted / seconds, busy / counted * 1e6)


async def _prepare(fresh: BenchLedger, port: int, webhooks: int, events: int, dead_every: int) -> int:
    """Register the webhooks and write the events. Return how many of them go to receivers that answer."""
    async with fresh.open() as ledger:
        flights = [await _do(ledger, _flight(number)) for number in range(events // SEATS + 1)]
        dead = set(range(0, webhooks, dead_every)) if dead_every else set[int]()
        async with ledger.read() as connection, connection.transaction():
            found = Webhooks(connection, ledger.keyring)
            for number in range(webhooks):
                path = "dead" if number in dead else "in"
                await found.add(_webhook(f"http://127.0.0.1:{port}/{path}/{number}", number), new_secret())
            # As if they had followed the log before these events.
            await connection.execute("update webhooks set position = null")
        for first in range(0, events, 200):
            users = range(first, min(first + 200, events))
            holds = [
                InitiateBooking(flights[number // SEATS], f"user-{number % webhooks}", 1) for number in users
            ]
            await asyncio.gather(*(_do(ledger, hold) for hold in holds))
        return sum(number % webhooks not in dead for number in range(events))


def _webhook(url: str, number: int) -> Webhook:
    now = datetime.now(UTC)
    return Webhook(new_id(), url, None, "thin", f"user-{number}", True, 0, now, now, 1, None)


def _flight(number: int) -> ScheduleFlight:
    departs = datetime.now(UTC) + timedelta(days=30)
    arrives = departs + timedelta(hours=8)
    return ScheduleFlight(f"BA{number}", "LHR", "JFK", departs, arrives, SEATS, Price(100, "INR"))


async def _do(ledger: Ledger, command: Any) -> Any:
    answer = await ledger.submit(Submission(command, OPERATOR, render_plain))
    assert answer.subject_id is not None, answer.body
    return answer.subject_id


@contextmanager
def _scheduler(fresh: BenchLedger) -> Iterator[int]:
    """Run the scheduler, and yield its process id."""
    settings = {
        "DATABASE_URL": fresh.url,
        "SEATLEDGER_DATA": str(fresh.data),
        "SEATLEDGER_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    command = [sys.executable, *PROGRAM, "scheduler"]
    with (
        (fresh.data / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=servers.clean_environment() | settings, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process.pid
        finally:
            process.terminate()


class _Receiver:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def taken(self) -> int:
        """Return the number of requests that were answered so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self.read())


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    command = [sys.executable, "-m", "trials.bench.webhook_receiver"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as process:
        try:
            yield _Receiver(process)
        finally:
            process.kill()


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    columns = {
        "deliveries a second": middle("per_second", ",.0f"),
        "CPU µs of the scheduler for one": middle("cpu_us", ",.0f"),
    }
    return [case_table("Webhooks", raw["rounds"], columns)]


PART = Part(
    "webhooks",
    __doc__,
    {
        "webhooks": Option("number of webhooks", 1000, smoke=20),
        "events": Option("number of bookings", 10_000, smoke=100),
        "rounds": Option("number of rounds", 1, smoke=1),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
