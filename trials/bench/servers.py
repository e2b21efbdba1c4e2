"""Servers to measure, each a real process: started, waited for, stopped."""

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


class DidNotStart(Exception):
    """The server ended, or said nothing, before it was ready."""


@contextmanager
def running(
    *arguments: str, log: Path, settings: Mapping[str, str] | None = None, says_ready: bool = True
) -> Iterator[str]:
    """Runs `python -m` with these arguments and a free port, its output in `log`; yields its URL.

    What does not say when it is ready is so once it listens.
    """
    port = str(_free_port())
    command = [sys.executable, "-m", *arguments, "--port", port]
    with log.open("wb") as output, _stopped_at_the_end(command, output.fileno(), settings or {}) as process:
        yield _ready_url(process, log, None if says_ready else f"http://127.0.0.1:{port}")


@contextmanager
def _stopped_at_the_end(
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
        if (told := url or (ready and ready.group(1))) and _listens(told):
            return told
        time.sleep(0.05)
    raise DidNotStart(log.read_text(errors="replace")[-2000:])


def _listens(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def clean_environment() -> dict[str, str]:
    """Ours without settings of another ledger: a benchmark must never write into that."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SEATLEDGER_")}
    # Empty means not set, also where a file .env says otherwise.
    return {**kept, "DATABASE_URL": "", "PYTHONPATH": str(REPOSITORY)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
