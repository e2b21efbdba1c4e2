"""The gateway simulator as a process, with its switches and books."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from gateways.simulator.books import BookedIntent, read_books
from tests.waiting import await_until

KEY = "sk_test_simulator"
ROOT = Path(__file__).resolve().parents[2]


class Program:
    def __init__(self, folder: Path) -> None:
        self.store = folder / "gateway.db"
        self._folder = folder
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start the process, on its earlier port if it had one."""
        given = {n: v for n, v in os.environ.items() if not n.startswith("SEATLEDGER_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "gateway", f"--port={self._port}", f"--store={self.store}"],
            cwd=self._folder,
            env=given | {"PYTHONPATH": str(ROOT), "SEATLEDGER_GATEWAY_KEY": KEY},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        word, _, self.url = self._process.stdout.readline().strip().partition(" ")
        assert word == "ready"
        self._port = int(self.url.rpartition(":")[2])

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self._process
        self._process.send_signal(number)
        self._process.communicate(timeout=10)
        return self._process.returncode

    def switch(self, **switches: Any) -> None:
        self.ask("PUT", "/switches", json=switches).raise_for_status()

    def books(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.ask("GET", "/books").json()
        return shown

    async def until_made(self, payment_id: object) -> list[BookedIntent]:
        """Return the intents of the payment from the store, once there is one."""

        def read() -> list[BookedIntent]:
            return [row for row in read_books(self.store).intents if row.payment_id == str(payment_id)]

        await await_until(lambda: bool(read()))
        return read()

    def intents(self, payment_id: object) -> list[dict[str, Any]]:
        return [row for row in self.books()["intents"] if row["payment_id"] == str(payment_id)]

    def refunds(self, intent: str) -> list[dict[str, Any]]:
        return [row for row in self.books()["refunds"] if row["intent"] == intent]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        more.setdefault("headers", {"Authorization": f"Bearer {KEY}"})
        # Without TLS no certificates of authorities are read, which takes 30 ms for each client.
        with httpx.Client(base_url=self.url, trust_env=False, timeout=10, verify=False) as client:
            return client.request(method, path, **more)
