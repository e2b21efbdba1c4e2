"""Shedding: how fast callers are told that there is too much to do, so that there is time left to do it."""

from collections.abc import Callable
from time import monotonic

REFUSALS_PER_SECOND = 250
"""Told by each process at its leisure. Those beyond that wait their turn."""

BURST = 250
"""As many are told at once before that."""

HELD_SECONDS_MAX = 5.0
"""Nobody waits longer for a refusal."""


class RefusalPacer:
    """The waits of refusals that come one after another: none at first, then one slot of time each.

    Callers who ask again at once, whatever Retry-After says, would otherwise be refused without end: with
    four times as many as the queues hold, 4 % of capacity was left. A generic cell rate algorithm (ITU-T
    I.371, annex A), except that what is over the limit is late instead of lost.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._due = 0.0

    def wait_seconds(self) -> float:
        """How long the next refusal is to be held back."""
        now = self._clock()
        burst = BURST / REFUSALS_PER_SECOND
        self._due = max(self._due, now - burst) + 1 / REFUSALS_PER_SECOND
        self._due = min(self._due, now + HELD_SECONDS_MAX)
        return max(0.0, self._due - now)
