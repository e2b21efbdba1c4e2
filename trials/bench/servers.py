"""Start and stop the servers to measure, as real processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]
READY_LINE = re.compile(r"^ready (http://\S+)$", re.MULTILINE)
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 15


class ServerDidNotStart(Exception):
    """The server ended, or did not become ready in time."""


@contextmanager
def running(
    *arguments: str, log: Path, settings: Mapping[str, str] | None = None, says_ready: bool = True
) -> Iterator[str]:
    """Run `python -m` with the arguments and a free port, output to `log`. Yield the URL when it is ready.

    Without `says_ready`, a server is ready when it listens.
    """
    port = str(_free_port())
    command = [sys.executable, "-m", *arguments, "--port", port]
    with log.open("wb") as output, _process(command, output.fileno(), settings or {}) as process:
        yield _ready_url(process, log, None if says_ready else f"http://127.0.0.1:{port}")


@contextmanager
def _process(
    command: list[str], output: int, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**clean_environment(), **settings},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready_url(process: subprocess.Popen[bytes], log: Path, url: str | None) -> str:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        ready = READY_LINE.search(log.read_text(errors="replace"))
        if (found := url or (ready and ready.group(1))) and _listens(found):
            return found
        time.sleep(0.05)
    raise ServerDidNotStart(log.read_text(errors="replace")[-2000:])


def _listens(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def clean_environment() -> dict[str, str]:
    """Return the environment without settings, so that a benchmark never writes to another ledger."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("SEATLEDGER_")}
    # The few callers of the load generator are not stopped by limits, but their commands are counted. A user
    # has more holds than the default limit of unpaid seats allows, and counting them all would take long.
    limits = {"SEATLEDGER_COMMANDS_PER_MINUTE": "1000000000", "SEATLEDGER_UNPAID_SEATS_PER_USER": "0"}
    # An empty value also overrides a file .env.
    return {**environment, **limits, "DATABASE_URL": "", "PYTHONPATH": str(REPOSITORY)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
