"""Timers that all run equally long: the event loop has one timer for them, however many there are."""

import asyncio
from collections import deque
from collections.abc import Callable


class Timer:
    """A call of `function` that `cancel` prevents. `is_over` is true once the function was called."""

    __slots__ = ("due", "function", "is_over")

    def __init__(self, due: float, function: Callable[[], object]) -> None:
        self.due = due
        self.function: Callable[[], object] | None = function
        self.is_over = False

    def cancel(self) -> None:
        self.function = None


class Timers:
    """Call functions after so many seconds.

    Almost all timers are cancelled in time. They are due in the order in which they start, so only the first
    one needs a timer of the event loop, and cancelled ones leave from the front. A timer of the loop for each
    would cost three times as much, and `asyncio.timeout` ten times.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timers: deque[Timer] = deque()
        self._is_waiting = False

    def start(self, function: Callable[[], object]) -> Timer:
        loop, timers = asyncio.get_running_loop(), self._timers
        while timers and timers[0].function is None:
            timers.popleft()
        timer = Timer(loop.time() + self._seconds, function)
        timers.append(timer)
        if not self._is_waiting:
            self._wait(loop)
        return timer

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_waiting = bool(self._timers)
        if self._is_waiting:
            loop.call_at(self._timers[0].due, self._end_due, loop)

    def _end_due(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._timers and (self._timers[0].function is None or self._timers[0].due <= loop.time()):
                timer = self._timers.popleft()
                if timer.function is not None:
                    timer.is_over = True
                    timer.function()
        finally:
            self._wait(loop)
