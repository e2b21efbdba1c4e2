"""Progress of a writer: when it last decided a block, since when its blocks fail, and trials of the lock."""

import asyncio
from collections.abc import Awaitable, Callable


class Progress:
    """Updated by the writer, read by the readiness check. Times are seconds of the event loop."""

    def __init__(self) -> None:
        self.failures = 0
        self.error = ""
        self.obstacle: str | None = None
        """Why the head lock could not be taken when it was last tried."""
        self._decided_at: float | None = None
        self._failing_since: float | None = None
        self._running_since: float | None = None
        self._ended_at = 0.0
        self._tried_at: float | None = None
        self._is_trying = False

    def start(self, forget_seconds: float) -> None:
        """Note that a block begins. Failures are forgotten if the writer was idle for this long."""
        now = _now()
        if self._failing_since is None or now - self._ended_at > forget_seconds:
            self._failing_since, self.failures = now, 0
        self._running_since = now

    def decide(self) -> None:
        """Note that the commands of a block were decided."""
        self._decided_at = _now()
        self._failing_since, self.failures, self.obstacle = None, 0, None

    def fail(self, error: Exception) -> None:
        """Note a failed attempt. Only the type is kept: the text of an error may contain user text."""
        self.failures += 1
        self.error = type(error).__name__

    def end(self) -> None:
        """Note that the block is over, whether it was decided or given up."""
        self._running_since, self._ended_at = None, _now()

    async def try_lock(self, attempt: Callable[[], Awaitable[str | None]], pause_seconds: float) -> None:
        """Set `obstacle` by `attempt`, unless a block or an attempt took the lock a moment ago.

        One attempt runs at a time, so a flood of checks neither disturbs blocks nor keeps many connections.
        """
        known_at = max((at for at in (self._decided_at, self._tried_at) if at is not None), default=None)
        if self._is_trying or (known_at is not None and _now() - known_at < pause_seconds):
            return
        self._is_trying = True
        try:
            self.obstacle = await attempt()
            self._tried_at = _now()
        finally:
            self._is_trying = False

    @property
    def decided_seconds_ago(self) -> float | None:
        return None if self._decided_at is None else _now() - self._decided_at

    @property
    def waited_seconds(self) -> float | None:
        """Seconds since the current block began; None if there is none."""
        return None if self._running_since is None else _now() - self._running_since

    def failing_seconds(self, forget_seconds: float) -> float:
        """Return the seconds since the first block began of those that were not decided, or 0."""
        now = _now()
        if self._failing_since is None:
            return 0.0
        if self._running_since is None and now - self._ended_at > forget_seconds:
            return 0.0
        return now - self._failing_since


def _now() -> float:
    return asyncio.get_running_loop().time()
