"""Timeout for clients that send a request and do not read the response."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from loguru import logger

UNREAD_MILLISECONDS_MAX = 20_000
ATTEMPTS_MAX = 100
ATTEMPT_SECONDS = 0.1


async def limit_unread_answers() -> None:
    """Set TCP_USER_TIMEOUT on this process's listening sockets; connections inherit it (tcp(7), Linux).

    granian opens the socket after the application has started and gives no access to it, so this function
    polls for it.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for _ in range(ATTEMPTS_MAX):
        if limited := _limit_all():
            logger.bind(sockets=limited, milliseconds=UNREAD_MILLISECONDS_MAX).debug("unread.limited")
            return
        await asyncio.sleep(ATTEMPT_SECONDS)


def _limit_all() -> int:
    """Set the timeout on all listening sockets and return their number."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if not str(Path(f"/proc/self/fd/{name}").readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as duplicate:
                if duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    duplicate.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS_MAX)
                    count += 1
    return count
