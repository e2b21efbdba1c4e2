"""The whole program as `up` on its own port, restarted when it ends, as a supervisor would."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trials.programs.ports import free_port
from trials.programs.processes import children, command_line, kill_tree

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10
"""The contract's limit after SIGTERM."""

VERIFY_SECONDS_MAX = 300

PROGRAM = ("-m", "cli.main")


class Program:
    """One `up`, or another command in `arguments`, with its output in a file."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        program: Sequence[str] = PROGRAM,
        port: int | None = None,
        arguments: Sequence[str] = ("up",),
    ) -> None:
        self.port = port or free_port()
        self._command = [sys.executable, *program, *arguments, "--port", str(self.port)]
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> bool:
        """Start it; return whether it becomes ready. It may end first while other things are broken."""
        with self._log.open("ab") as log:
            begun = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.running:
            with self._log.open("rb") as written:
                written.seek(begun)
                is_ready = b"ready http://" in written.read()
            if is_ready and self._listens():
                return True
            await asyncio.sleep(0.05)
        return False

    async def restart(self, seconds: float) -> bool:
        """Start it, repeatedly if it ends, within so many seconds."""
        deadline = time.monotonic() + seconds
        while not await self.start():
            self.kill()
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.5)
        return True

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> int:
        assert self._process is not None
        return self._process.pid

    def part(self, name: str) -> list[int]:
        """Return its `api` or `scheduler`: one process, or none while it is being restarted."""
        return [child for child in children(self.process) if command_line(child)[-1:] == [name]]

    def workers(self) -> list[int]:
        return [worker for api in self.part("api") for worker in children(api)]

    async def stop(self) -> tuple[int | None, float]:
        """Send SIGTERM; return the exit code, None when it had to be killed, and the seconds that took."""
        started = time.monotonic()
        process = self._process
        if process is None:
            return 0, 0.0
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            if time.monotonic() - started > STOP_SECONDS_MAX + 5:
                self.kill()
                return None, time.monotonic() - started
            await asyncio.sleep(0.05)
        return process.returncode, time.monotonic() - started

    def kill_alone(self) -> None:
        """Kill only `up`, and wait for its end: until then a supervisor takes it for alive."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def kill(self) -> None:
        """Kill it with all its children, and wait for its end."""
        if self._process is not None:
            if self._process.poll() is None:
                kill_tree(self._process.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def verify_problems(environment: Mapping[str, str], ledger: str = "main") -> list[str]:
    """Return what `verify` finds in a ledger of that environment."""
    verification = subprocess.run(
        [sys.executable, *PROGRAM, "verify", "--names", "--json", "--ledger", ledger],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS_MAX,
        check=False,
    )
    if verification.returncode == 0 and json.loads(verification.stdout)["ok"]:
        return []
    output = verification.stdout + verification.stderr[-500:]
    return [f"`verify` of {ledger} ends with exit code {verification.returncode}: {output}"]


def environment_without_settings() -> dict[str, str]:
    """Return this process's environment without the settings of any ledger in use, and without limits per
    caller, because a few callers make all the load.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SEATLEDGER_")}
    no_limits = {"SEATLEDGER_COMMANDS_PER_MINUTE": "0", "SEATLEDGER_UNPAID_SEATS_PER_USER": "0"}
    # Empty means not set, even if a file .env has a value. Python keeps compiled files, so only the first
    # start compiles.
    empty = dict.fromkeys(("DATABASE_URL", "PYTHONDONTWRITEBYTECODE"), "")
    return {**kept, **no_limits, **empty, "PYTHONPATH": str(ROOT)}
