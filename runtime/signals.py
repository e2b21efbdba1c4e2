"""The signals that end a program, and how a second one does not interrupt its ending."""

import signal
from collections.abc import Callable
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGINT)


def on_end(handler: Callable[[int, FrameType | None], None]) -> None:
    """What to do when one of them comes. Of the main thread only."""
    for number in ENDS:
        signal.signal(number, handler)


def hear_no_more() -> None:
    """From now on they do nothing."""
    on_end(_nothing)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Where SIG_IGN stood, Python would complain of a signal that came just before."""
