"""The clock of a sandbox in the second pass: it is ahead by what its events say. A live ledger has none."""

from typing import LiteralString

from audit.verify.divergence import ReportDivergence
from audit.verify.snapshot import Connection
from domain.sandbox_clock import ClockAdvance

_AHEAD: LiteralString = "select extract(epoch from ahead)::bigint from sandbox"


class SandboxClock:
    """The moves of the clock in all streams."""

    def __init__(self) -> None:
        self._seconds = 0
        self._last = 0
        """Position of the last move; 0 without one."""

    def follow(self, advance: ClockAdvance, position: int) -> None:
        self._seconds += advance.seconds
        self._last = max(self._last, position)

    def join(self, other: "SandboxClock") -> None:
        self._seconds += other._seconds
        self._last = max(self._last, other._last)

    def check(self, connection: Connection, head: int, report: ReportDivergence) -> None:
        row = connection.execute(_AHEAD).fetchone()
        if row is None:
            if self._last:
                report(self._last, "the clock was moved forward, but the ledger is no sandbox")
        elif row[0] != self._seconds:
            report(
                self._last or head + 1,
                f"the clock of the sandbox is ahead by {row[0]} s, the log says {self._seconds} s",
            )
