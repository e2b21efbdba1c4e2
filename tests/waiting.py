"""Waits for conditions in other processes: the one place where tests poll."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02


async def await_until(
    condition: Callable[[], object | Awaitable[object]],
    seconds: float = 30,
    message: str | Callable[[], str] = "",
) -> None:
    """Return once `condition` is true. Fail with `message` if it is still false after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if await value if inspect.isawaitable(value) else value:
            return
        assert time.monotonic() < deadline, _failure(condition, seconds, message)
        await asyncio.sleep(POLL_SECONDS)


def wait_until(
    condition: Callable[[], object], seconds: float = 30, message: str | Callable[[], str] = ""
) -> None:
    """Block until `condition` is true, in tests without an event loop. Fail as `await_until` does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, _failure(condition, seconds, message)
        time.sleep(POLL_SECONDS)


def _failure(condition: object, seconds: float, message: str | Callable[[], str]) -> str:
    text = message() if callable(message) else message
    return f"still false after {seconds} s: {text or getattr(condition, '__qualname__', condition)}"
