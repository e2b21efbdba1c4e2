"""Run the servers to measure as real processes, and `verify` on their ledgers."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trials.bench.report import BenchCheck
from trials.programs.program import PROGRAM, ROOT, Program, environment_without_settings


class ServerDidNotStart(Exception):
    """The server ended, or did not become ready in time."""


@contextmanager
def running(*arguments: str, log: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run `python -m` with the arguments and a free port, output to `log`. Yield the URL when it is ready."""
    server = Program(clean_environment() | dict(settings or {}), log, ["-m"], arguments=arguments)
    try:
        if not asyncio.run(server.start()):
            raise ServerDidNotStart(log.read_text(errors="replace")[-2000:])
        yield f"http://127.0.0.1:{server.port}"
    finally:
        asyncio.run(server.stop())


def clean_environment() -> dict[str, str]:
    """Return the environment without settings, so that a benchmark never writes to another ledger."""
    # The few callers of the load generator are not stopped by limits, but their commands are counted.
    return environment_without_settings() | {"SEATLEDGER_COMMANDS_PER_MINUTE": "1000000000"}


def verified(data: Path, what: str = "verify", ledger: str = "main") -> BenchCheck:
    """Check that a ledger in the data folder verifies, running or not."""
    ran = subprocess.run(
        [sys.executable, *PROGRAM, "verify", "--names", "--data", str(data), "--json", "--ledger", ledger],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        return BenchCheck(what, False, ran.stderr[-1000:])
    detail = f"{found['checked']:,} events" + (f"; {found['reason']}" if found["reason"] else "")
    return BenchCheck(what, bool(found["ok"]), detail)
