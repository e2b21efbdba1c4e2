"""The program under test: one data folder, with `up`, `token`, `verify` and other commands run on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.memory import copy_new_database, make_database_folder
from tests.waiting import wait_until
from trials.programs.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
READY_LINE = re.compile(r"^ready (http://\S+:\d+)$", re.MULTILINE | re.ASCII)
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10
COMMAND_SECONDS_MAX = 60
FAILURE_CHARACTERS_MAX = 8_000
MODULE = ("-m", "cli.main")


class ProgramUnderTest:
    """A new data folder and, between `start` and `stop`, a server process on a free port."""

    def __init__(self, **settings: str) -> None:
        self.folder = make_database_folder("seatledger-contract-")
        self.data = self.folder / "data"
        if "DATABASE_URL" not in settings:
            copy_new_database(self.data)
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.environment = clean_environment() | settings
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start the server and return once it has printed its `ready` line."""
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
        """Send SIGTERM, as Ctrl-C or a supervisor would, and return the exit code."""
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
        """Send SIGKILL to the whole process group, so that no process can clean up."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS_MAX)
        self.process = None

    def close(self) -> None:
        """Stop the server, delete the folder, and fail unless the server ended with exit code 0."""
        code = self.stop() if self.process is not None else 0
        failure = self.describe_failure() if code else ""
        shutil.rmtree(self.folder, ignore_errors=True)
        assert code == 0, f"SIGTERM ended in exit code {code}\n{failure}"

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command on the same data folder, with the same settings."""
        return run_program(command, "--data", str(self.data), *arguments, environment=self.environment)

    def token(self, sub: str, *roles: str) -> str:
        """Return the token that the command `token` prints."""
        options = [part for role in roles for part in ("--role", role)]
        ended = self.run("token", "--sub", sub, *options)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def log_lines(self) -> list[str]:
        """Return the lines of all log files; each process may write a file of its own."""
        paths = sorted(self.logs.iterdir())
        return [line for path in paths for line in path.read_text(errors="replace").split("\n") if line]

    def check_no_server_error(self, status: int, answer: Any) -> None:
        """Fail with the server's traceback if the status is 500."""
        if status == 500:
            raise AssertionError(f"the server answered 500: {answer}\n{self.describe_failure()}")

    def describe_failure(self) -> str:
        """Return exit code, warnings, errors and tracebacks of the server, the newest last."""
        code = self.process.poll() if self.process is not None else None
        state = "the server runs" if code is None else f"the server ended with exit code {code}"
        stderr = self.stderr.read_text(errors="replace").splitlines() if self.starts else []
        # The program writes each line to its log file and to standard error.
        lines = dict.fromkeys([*self.log_lines(), *stderr])
        problems = "\n".join(filter(None, map(_render_problem, lines)))
        return f"{state}; its log:\n{problems[-FAILURE_CHARACTERS_MAX:]}"

    @property
    def stdout(self) -> Path:
        return self.folder / f"stdout-{self.starts}.txt"

    @property
    def stderr(self) -> Path:
        return self.folder / f"stderr-{self.starts}.txt"

    def _ready_url(self) -> str:
        def ready() -> re.Match[str] | None:
            return READY_LINE.search(self.stdout.read_text(errors="replace"))

        def is_ready_or_ended() -> bool:
            assert self.process is not None
            return ready() is not None or self.process.poll() is not None

        with contextlib.suppress(AssertionError):
            wait_until(is_ready_or_ended, START_SECONDS_MAX)
        if line := ready():
            return line.group(1)
        failure = self.describe_failure()
        assert self.process is not None
        if self.process.poll() is None:
            self.kill()
        self.process = None
        raise AssertionError(f"no `ready` line: {failure}")


def _render_problem(line: str) -> str:
    """Return a JSON log line of level WARNING or above as text with its traceback; '' for other lines."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if record["level"] not in ("WARNING", "ERROR", "CRITICAL"):
        return ""
    traceback = record.pop("exception", "")
    return "\n".join(filter(None, [json.dumps(record), traceback]))


def run_program(
    *arguments: str, environment: dict[str, str], entry: tuple[str, ...] = MODULE
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end and return its exit code, standard output and standard error."""
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
    """Return the environment without the settings of a ledger that the caller may be running."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith("SEATLEDGER_")
    }
