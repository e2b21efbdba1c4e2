"""The line `ready URL` of an API that runs alone: one worker prints it, once the API accepts connections."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

VARIABLE = "_SEATLEDGER_READY_LINE"
"""Host and port of the line. `up` does not set it: it prints a line itself."""

POLL_SECONDS = 0.02
TRIES_MAX = 3000


def request_ready_line(host: str, port: int) -> None:
    os.environ[VARIABLE] = f"{host} {port}"


async def print_ready_line(folder: str | None) -> None:
    """Print the line if it is requested and no other worker has printed it; `folder` is common to all."""
    host, _, port = os.environ.get(VARIABLE, "").partition(" ")
    if not port or not folder:
        return
    for _ in range(TRIES_MAX):
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            break
        await asyncio.sleep(POLL_SECONDS)
    else:
        return
    with suppress(FileExistsError):
        os.close(os.open(Path(folder) / "ready", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        print(f"ready http://{host}:{port}", flush=True)
