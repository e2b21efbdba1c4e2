"""Handling of SIGTERM and SIGINT."""

import signal
from collections.abc import Callable
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_stop_signal(handler: Callable[[int, FrameType | None], None]) -> None:
    """Set the handler of both signals. Callable from the main thread only."""
    for number in STOP_SIGNALS:
        signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """Ignore both signals from now on, so that a second one does not interrupt the shutdown."""
    on_stop_signal(_nothing)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing. With SIG_IGN, Python would report an error for a signal that came just before."""
