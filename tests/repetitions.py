"""Number of random trials: few in a normal run of the tests, many with LONG_TESTS=1."""

import os


def times(usual: int, long: int) -> int:
    """Return the number of repetitions. No assertion may depend on it."""
    return long if os.environ.get("LONG_TESTS") else usual
