"""The line `ready URL` of an API that runs alone: one worker prints it, once the ledger is open."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from runtime.answers import CHECK_SECONDS_MAX, is_open
from runtime.backoff import Backoff

VARIABLE = "_SEATLEDGER_READY_LINE"
"""Host and port of the line. `up` does not set it: it prints a line itself."""


def request_ready_line(host: str, port: int) -> None:
    os.environ[VARIABLE] = f"{host} {port}"


async def print_ready_line(folder: str | None) -> None:
    """Print the line if it is requested and no other worker has printed it; `folder` is common to all."""
    host, _, port = os.environ.get(VARIABLE, "").partition(" ")
    if not port or not folder:
        return
    # The API logs each failed check, so checks become rarer.
    checks = Backoff()
    while True:
        if await asyncio.to_thread(is_open, host, int(port)):
            break
        await asyncio.sleep(min(checks.pause(), CHECK_SECONDS_MAX))
    with suppress(FileExistsError):
        os.close(os.open(Path(folder) / "ready", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        print(f"ready http://{host}:{port}", flush=True)
