"""The payment gateway of a scenario: its simulator, with switches for mishaps, and its books."""

import asyncio
import contextlib
import json
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from gateways.simulator.books import read_books
from trials.checker.books import Books
from trials.checker.log import Log
from trials.checker.model import Model
from trials.checker.payments import Payment, payments_of
from trials.programs.program import Program, environment_without_settings

KEY = "sk_test_simulator"
ANSWER_SECONDS = 1
"""The program waits this long for an answer of the gateway."""

SWITCH_SECONDS_MAX = 5


class Gateway:
    """The simulator as a process of its own, with its store in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "gateway.db"
        environment = {
            **environment_without_settings(),
            "TMPDIR": str(folder),
            "SEATLEDGER_GATEWAY_KEY": KEY,
        }
        arguments = ("gateway", "--store", str(self.store))
        self.program = Program(environment, folder / "gateway.log", arguments=arguments)
        self._switches: dict[str, Any] = {}
        self._on_until: dict[str, float] = {}

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables for a program that uses it."""
        return {
            "SEATLEDGER_GATEWAY": "simulator",
            "SEATLEDGER_GATEWAY_KEY": KEY,
            "SEATLEDGER_GATEWAY_URL": f"http://127.0.0.1:{self.program.port}",
            "SEATLEDGER_GATEWAY_SECONDS": str(ANSWER_SECONDS),
        }

    def kill(self) -> None:
        """Kill the simulator. It starts again with all switches off."""
        self.program.kill()
        self._record({})

    async def switch(self, switches: dict[str, Any]) -> None:
        """Replace all switches; do nothing while the simulator is dead."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.program.port}/switches",
            json.dumps(switches).encode(),
            {"Authorization": f"Bearer {KEY}"},
            method="PUT",
        )
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_send, request)
        self._record(switches)

    def is_off_for(self, seconds: float, *names: str) -> bool:
        """Return whether these switches have been off for so long."""
        self._record(self._switches)
        return all(self._on_until.get(name, 0.0) + seconds < time.monotonic() for name in names)

    def books(self) -> Books:
        return msgspec.convert(read_books(self.store), Books, from_attributes=True)

    def _record(self, switches: dict[str, Any]) -> None:
        """Note until when the switches of before were on."""
        self._on_until |= dict.fromkeys(self._switches, time.monotonic())
        self._switches = switches


def _send(request: urllib.request.Request) -> None:
    urllib.request.urlopen(request, timeout=SWITCH_SECONDS_MAX).close()


def pending_work(url: str) -> dict[str, int]:
    """Count the payments, refunds and holds that are not at rest, by what they wait for."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        return dict(connection.execute(_PENDING).fetchall())


def summarise(log: Log, books: Books) -> dict[str, int]:
    """Count payments by their end, late money by what became of it, and amounts in minor units."""
    payments, model = payments_of(log.events), Model()
    for event in log.events:
        model.apply(event)
    ends = Counter(f"payments {payment.end}" for payment in payments.values())
    late = Counter(filter(None, (_late(model, payment) for payment in payments.values())))
    settled = sum(refund["status"] == "settled" for refund in model.refunds.values())
    return {
        "payments": len(payments),
        **dict(sorted(ends.items())),
        **dict(sorted(late.items())),
        "refunds settled": settled,
        "refunds due": len(model.refunds) - settled,
        "captured": sum(intent.captured for intent in books.intents),
        "refunded": sum(row.amount for row in books.refunds),
        "second charges": len(books.intents) - len({intent.payment_id for intent in books.intents}),
    }


def _late(model: Model, payment: Payment) -> str | None:
    """Return what became of money that came after its seats were cancelled."""
    booking = model.bookings[str(payment.booking)]
    if payment.booked:
        return "late: seated again" if "booking.reseated" in booking.topics else None
    if payment.late or (payment.released and booking.reason):
        return f"late: {'refund due' if payment.late else 'let go'}, {booking.reason}"
    return None


_PENDING = """
    select what, count(*) from (
        select gateway_task as what from ledger.bookings where gateway_task is not null
        union all select 'refund' from ledger.refunds where status = 'requested'
        union all select 'hold' from ledger.bookings where held_until is not null
    ) pending group by what
"""
