"""Hangs up on callers who ask and do not read the answer: nothing else would ever end that."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from loguru import logger

UNREAD_MILLISECONDS_MAX = 20_000
LOOKS_MAX = 100
LOOK_SECONDS = 0.1


async def limit_unread_answers() -> None:
    """Limits, on the sockets that this process listens on, how long an answer may wait for its reader.

    Connections inherit TCP_USER_TIMEOUT from the listening socket (tcp(7), Linux). The server opens that in
    code of its own and after the application has started, hence the looking out for it.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for _ in range(LOOKS_MAX):
        if limited := _limit_all():
            logger.bind(sockets=limited, milliseconds=UNREAD_MILLISECONDS_MAX).debug("unread.limited")
            return
        await asyncio.sleep(LOOK_SECONDS)


def _limit_all() -> int:
    """How many sockets were listening."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if not str(Path(f"/proc/self/fd/{name}").readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as opened:
                if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS_MAX)
                    found += 1
    return found
