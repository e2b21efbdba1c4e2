"""Pacing of overload refusals, so that refusing does not use up the capacity for accepted requests."""

from collections.abc import Callable
from time import monotonic

REFUSALS_PER_SECOND = 250
"""Refusals per second and process. Further refusals are delayed."""

BURST = 250
"""Refusals that are sent without delay before the rate applies."""

HELD_SECONDS_MAX = 5.0
"""Longest delay of a refusal."""


class RefusalPacer:
    """Compute the delay of each refusal: none within the burst, then one time slot each.

    Without pacing, clients that ignore Retry-After are refused in a loop: with four times as many clients as
    the queues hold, 4 % of the capacity was left. This is the generic cell rate algorithm (ITU-T I.371,
    annex A), except that refusals over the limit are delayed instead of dropped.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._due = 0.0

    def wait_seconds(self) -> float:
        """Return the delay of the next refusal."""
        now = self._clock()
        burst = BURST / REFUSALS_PER_SECOND
        self._due = max(self._due, now - burst) + 1 / REFUSALS_PER_SECOND
        self._due = min(self._due, now + HELD_SECONDS_MAX)
        return max(0.0, self._due - now)
