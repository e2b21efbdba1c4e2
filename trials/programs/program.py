"""The program under torture: `up` on a port of its own, restarted as any supervisor would when it ends."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trials.programs.ports import free_port
from trials.programs.processes import children, kill_tree, words

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10
"""What the contract gives it after SIGTERM."""

VERIFY_SECONDS_MAX = 300

PROGRAM = ("-m", "cli.main")


class Program:
    """One `up`, or whatever `arguments` say, with its output in a file."""

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
        """Whether it is ready; False when it ended first, as it may while things are broken."""
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
                if b"ready http://" in written.read():
                    return True
            await asyncio.sleep(0.05)
        return False

    async def restart(self, seconds: float) -> bool:
        """Start it, again and again if it ends, within so many seconds."""
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
        """Its `api` or its `scheduler`: one process, or none while it is being started again."""
        return [child for child in children(self.process) if words(child)[-1:] == [name]]

    def workers(self) -> list[int]:
        return [worker for api in self.part("api") for worker in children(api)]

    async def stop(self) -> tuple[int | None, float]:
        """Exit code after SIGTERM, None when it had to be killed, and how many seconds that took."""
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
        """Only `up`. Waits for its end, or it would still look alive to whoever restarts what ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def kill(self) -> None:
        """With all its children, and waits for its end."""
        if self._process is not None:
            if self._process.poll() is None:
                kill_tree(self._process.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)


def verify_problems(environment: Mapping[str, str]) -> list[str]:
    """What `verify` has to say against the ledger of that environment, asked as an operator would."""
    said = subprocess.run(
        [sys.executable, *PROGRAM, "verify", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS_MAX,
        check=False,
    )
    if said.returncode == 0 and json.loads(said.stdout)["ok"]:
        return []
    return [f"`verify` says, with exit code {said.returncode}: {said.stdout}{said.stderr[-500:]}"]


def environment_without_settings() -> dict[str, str]:
    """Ours without the settings of a ledger that somebody may be running."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SEATLEDGER_")}
    # Empty means not set, also where a file .env says otherwise.
    return {**kept, "DATABASE_URL": "", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
