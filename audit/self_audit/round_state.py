"""State of the self-audit's current round, and the findings so far."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit.self_audit.folding import LOWEST
from audit.verify.divergence import Divergence

REST_SECONDS_MIN, REST_SECONDS_MAX = 10, 30
SHARE = 0.01
"""Share of the time spent on rounds; the rest between two rounds stays within the limits above."""


@dataclass
class RoundState:
    """The row of ledger.self_audit; the migration documents its columns."""

    position: int
    hash: bytes | None
    newest: UUID
    renewed_at: datetime | None
    began_at: datetime | None
    began_position: int | None
    next: UUID | None
    round_rows: int
    round_seconds: float
    round_bad_position: int | None
    round_reason: str | None
    finished_at: datetime | None
    finished_position: int | None
    rows: int | None
    seconds: float | None
    first_bad_position: int | None
    reason: str | None
    bad_since: datetime | None

    def rest_seconds(self, now: datetime) -> float:
        """Return the seconds until the next round; 0 if it is due or a round is running."""
        if self.next is not None or self.began_at is None:
            return 0.0
        rest = min(max((self.seconds or 0) / SHARE, REST_SECONDS_MIN), REST_SECONDS_MAX)
        left = (self.began_at - now).total_seconds() + rest
        # A longer rest comes from a changed row or clock.
        return left if 0 < left <= REST_SECONDS_MAX else 0.0

    def begin(self, now: datetime, head: int) -> None:
        self.began_at, self.began_position, self.next = now, head, LOWEST
        self.round_rows, self.round_seconds = 0, 0.0
        self.round_bad_position = self.round_reason = None

    def add_divergence(self, divergence: Divergence, now: datetime) -> None:
        """Record a difference at once; of several, the one at the lowest position."""
        if self.round_bad_position is None or divergence.position < self.round_bad_position:
            self.round_bad_position, self.round_reason = divergence.position, divergence.reason
        if self.first_bad_position is None or divergence.position < self.first_bad_position:
            self._set_divergence(divergence.position, divergence.reason, now)

    def finish(self, now: datetime) -> None:
        self.next, self.finished_at, self.finished_position = None, now, self.began_position
        self.rows, self.seconds = self.round_rows, self.round_seconds
        self._set_divergence(self.round_bad_position, self.round_reason, now)

    def _set_divergence(self, position: int | None, reason: str | None, now: datetime) -> None:
        self.bad_since = None if position is None else self.bad_since or now
        self.first_bad_position, self.reason = position, reason
