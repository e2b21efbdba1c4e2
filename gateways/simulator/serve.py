"""The simulator as a process, from start to SIGTERM or SIGINT."""

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from gateways.simulator.server import Simulator

STOP_SECONDS = 0.5
"""Time for answers under way. Requests that a fault delays for longer are cut off."""


def serve(path: Path, key: str, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve, and call `ready` with the URL. Port 0 means any free port. Raises OSError, sqlite3.Error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(path, key, host, port, ready))


async def _serve(path: Path, key: str, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    simulator = Simulator(path, key)
    runner = web.AppRunner(simulator.application(), access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        ready(_url(host, runner.addresses[0][1]))
        await stop.wait()
    finally:
        await runner.cleanup()
        simulator.close()


def _url(host: str, port: int) -> str:
    if ":" in host:
        host = f"[{socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host))}]"
    return f"http://{host}:{port}"
