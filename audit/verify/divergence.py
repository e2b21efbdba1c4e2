"""The divergence that a check raises or returns."""

from collections.abc import Callable

ReportDivergence = Callable[[int, str], None]
"""Report a divergence: its position and the reason."""


class Divergence(Exception):
    """The ledger is not as it must be at `position`. A position past the head stands for a missing event."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"position {position}: {reason}")
        self.position = position
        self.reason = reason

    def __reduce__(self) -> tuple[type["Divergence"], tuple[int, str]]:
        """Pickle both arguments, for the pipe from a worker process."""
        return Divergence, (self.position, self.reason)
