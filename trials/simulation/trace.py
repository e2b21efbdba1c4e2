"""The trace of a simulation, line by line: identical for the same seed, and printed after a failure."""

import re
from typing import Any

import msgspec

from trials.simulation.loop import SimulatedLoop

LINES_SHOWN = 40
"""The last lines of a failed run that are shown."""


class Trace:
    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._lines: list[tuple[float, int, str, str, tuple[Any, ...]]] = []

    def __call__(self, who: str, what: str, *facts: Any) -> None:
        # Formatted only on request: most traces are never printed.
        self._lines.append((self._loop.time(), self._loop.steps, who, what, facts))

    def lines(self, last: int | None = None) -> list[str]:
        shown = self._lines if last is None else self._lines[-last:]
        return [
            f"{time:10.4f}s {step:6}  {who:12} {short(what)} {' '.join(map(short, facts))}".rstrip()
            for time, step, who, what, facts in shown
        ]


def short(fact: Any) -> str:
    """Format a fact briefly: commands without field names, ids as the numbers that the twin counts by."""
    if isinstance(fact, msgspec.Struct):
        fields = " ".join(short(value) for value in msgspec.structs.astuple(fact))
        return f"{type(fact).__name__}({fields})"
    return _ID.sub(lambda id: f"#{int(id[1] + id[2], 16)}", str(fact))


_ID = re.compile("([0-9a-f]{8})-([0-9a-f]{4})-7000-8000-000000000000")
