"""How often chance is tried: a little in each run of the tests, much more with LONG_TESTS=1."""

import os


def times(usual: int, long: int) -> int:
    """The number to use: no rule of a test may depend on which one it is."""
    return long if os.environ.get("LONG_TESTS") else usual
