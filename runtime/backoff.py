"""Growing pauses between attempts: none at first, then twice as long each time, up to a limit."""

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.1, 30.0
DOUBLINGS_MAX = 20

STEADY_SECONDS = 10.0
"""A failure after so many seconds of work is the first one of a new series."""


class Backoff:
    """Counts failures in a row, and derives the pause before the next attempt."""

    def __init__(self) -> None:
        self.failures = 0

    def pause(self, ran_seconds: float = 0.0) -> float:
        """Count a failure after `ran_seconds` of work. Return the seconds until the next attempt."""
        self.failures = 1 if ran_seconds >= STEADY_SECONDS else self.failures + 1
        if self.failures == 1:
            return 0.0
        return min(PAUSE_SECONDS_MIN * 2.0 ** min(self.failures - 2, DOUBLINGS_MAX), PAUSE_SECONDS_MAX)

    def reset(self) -> None:
        self.failures = 0
