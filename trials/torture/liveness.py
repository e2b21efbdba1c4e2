"""Liveness: how soon calls were answered after a fault, and while only the database was away."""

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from trials.checker.calls import Call
from trials.torture.faults import DATABASE_ONLY
from trials.torture.nemesis import Broken

AFTERMATH_SECONDS = 1.0
"""A fault between clients and program may delay answers for so long after it is healed."""

SHOWN_MAX = 10


class Recovery(msgspec.Struct, frozen=True, order=True):
    """The time from the end of a fault until the next command was answered."""

    seconds: float
    fault: str


def slowest_recovery(calls: Iterable[Call], broken: list[Broken]) -> Recovery:
    """Return the longest time from the end of a fault to the first answer to a command sent after it.

    A recovery that another fault interrupts does not count.
    """
    answered = [call for call in calls if call.answered and call.is_command]
    found = [Recovery(0.0, "nothing")]
    for fault in broken:
        first = min((call.ended_at for call in answered if call.sent_at >= fault.healed_at), default=None)
        if first and not any(fault.healed_at < other.started_at < first for other in broken):
            found.append(Recovery(first - fault.healed_at, fault.name))
    return max(found)


def late_answers(calls: Iterable[Call], broken: list[Broken]) -> list[str]:
    """Return calls that timed out although the program could be reached.

    Clients wait longer than the program's deadline. By then it answers 503 if the database does not answer.
    """
    away = [fault for fault in broken if fault.name not in DATABASE_ONLY]
    late = [
        call
        for call in calls
        if call.trouble == "timeout"
        and not any(
            fault.started_at <= call.ended_at and call.sent_at <= fault.healed_at + AFTERMATH_SECONDS
            for fault in away
        )
    ]
    return [f"the program could be reached, and did not answer: {call}" for call in late[:SHOWN_MAX]]


def longest_silence(calls: Iterable[Call], since: float) -> float:
    """Return the longest time between two acknowledged commands after a moment, in seconds."""
    answered = (call.ended_at for call in calls if call.answered and call.is_command)
    moments = sorted(moment for moment in answered if moment >= since)
    return max((later - earlier for earlier, later in pairwise(moments)), default=float("inf"))
