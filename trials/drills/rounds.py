"""Results of fail-overs: one round, all rounds, and their figures."""

from statistics import median
from typing import Any

import msgspec


class Round(msgspec.Struct, frozen=True):
    """One fail-over: the time of the promotion, and from there to the first answers.

    `silent_seconds` is between two acknowledged commands, `unnoticed_seconds` of it before the promotion.
    """

    killed: str
    promoted: str
    unnoticed_seconds: float
    promotion_seconds: float
    writes_after_seconds: float
    reads_after_seconds: float
    silent_seconds: float
    acknowledged: int
    unknown: int
    lost: list[str]
    verified: bool

    def __str__(self) -> str:
        return (
            f"{self.killed} killed, {self.promoted} promoted after {self.unnoticed_seconds:.0f} s "
            f"in {self.promotion_seconds:.2f} s; writes {self.writes_after_seconds:.2f} s later, "
            f"reads {self.reads_after_seconds:.2f} s; silence {self.silent_seconds:.2f} s; "
            f"{self.acknowledged} acknowledged, {self.unknown} unknown, {len(self.lost)} lost; "
            f"verify {'ok' if self.verified else 'NOT ok'}"
        )


class Result(msgspec.Struct, frozen=True):
    """`violations`: the checker's findings in the whole history, of all rounds together."""

    rounds: list[Round]
    violations: list[str]
    waiting: int

    @property
    def ok(self) -> bool:
        return not (self.violations or self.waiting) and all(
            each.verified and not each.lost for each in self.rounds
        )


def figures(result: Result) -> dict[str, Any]:
    """Summarise all rounds."""
    silent = [each.silent_seconds - each.unnoticed_seconds for each in result.rounds]
    return {
        "fail_overs": len(result.rounds),
        "acknowledged": sum(each.acknowledged for each in result.rounds),
        "lost": sum(len(each.lost) for each in result.rounds),
        "unknown": sum(each.unknown for each in result.rounds),
        "unanswered": result.waiting,
        "violations": len(result.violations),
        "gap_seconds_median": round(median(silent), 2),
        "gap_seconds_max": round(max(silent), 2),
    }
