"""The program under test: one data folder, and `up`, `token`, `verify` run on it the way a user would."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from trials.programs.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
READY_LINE = re.compile(r"^ready (http://\S+:\d+)$", re.MULTILINE | re.ASCII)
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10
COMMAND_SECONDS_MAX = 60
MODULE = ("-m", "cli.main")


class Program:
    """A fresh data folder and, between `start` and `stop`, a real server process on a free port."""

    def __init__(self, **settings: str) -> None:
        # Not pytest's private folder: a database that refuses to run as root must be able to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix="seatledger-contract-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.environment = clean_environment() | settings
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Starts the server and returns once it has printed its `ready` line."""
        self.starts += 1
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            workers = self.environment.get("SEATLEDGER_WORKERS", "2")
            arguments = ["up", "--port", str(free_port()), "--data", str(self.data), "--workers", workers]
            self.process = subprocess.Popen(
                [sys.executable, *MODULE, *arguments],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.url = self._ready_url()

    def stop(self) -> int:
        """Asks politely, as a user's Ctrl-C or a supervisor would, and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {STOP_SECONDS_MAX} s after SIGTERM") from None
        finally:
            self.process = None

    def kill(self) -> None:
        """SIGKILL to the whole process group of the server: nobody gets to tidy up."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS_MAX)
        self.process = None

    def close(self) -> None:
        """Stops what still runs, deletes the folder, and insists on a clean exit."""
        code = self.stop() if self.process is not None else 0
        complaints = self.stderr.read_text(errors="replace")[-2000:] if self.starts else ""
        shutil.rmtree(self.folder, ignore_errors=True)
        assert code == 0, f"SIGTERM ended in exit code {code}\n{complaints}"

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command line call on the same data folder, with the same settings."""
        return run_program(command, "--data", str(self.data), *arguments, environment=self.environment)

    def token(self, sub: str, *roles: str) -> str:
        """What `token` prints: a token and nothing else."""
        chosen = [part for role in roles for part in ("--role", role)]
        printed = self.run("token", "--sub", sub, *chosen)
        assert printed.returncode == 0, printed.stderr
        return printed.stdout.strip()

    @property
    def stdout(self) -> Path:
        return self.folder / f"stdout-{self.starts}.txt"

    @property
    def stderr(self) -> Path:
        return self.folder / f"stderr-{self.starts}.txt"

    def _ready_url(self) -> str:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if ready := READY_LINE.search(self.stdout.read_text(errors="replace")):
                return ready.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        code = self.process.poll()
        if code is None:
            self.kill()
        self.process = None
        complaints = self.stderr.read_text(errors="replace")[-4000:]
        raise AssertionError(f"no `ready` line (exit code {code}):\n{complaints}")


def run_program(
    *arguments: str, environment: dict[str, str], entry: tuple[str, ...] = MODULE
) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end and hands back its exit code, standard output and standard error."""
    command = [sys.executable, *entry, *arguments]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=COMMAND_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS_MAX)
            process.kill()
            raise AssertionError(f"{arguments} still ran after {COMMAND_SECONDS_MAX} s") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def clean_environment() -> dict[str, str]:
    """The environment of the caller without the settings of a ledger they may be running themselves."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith("SEATLEDGER_")
    }
