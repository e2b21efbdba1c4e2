"""How soon callers were answered: after a fault, and while only the database was away."""

from collections.abc import Iterable

import msgspec

from trials.checker.calls import READS, Call
from trials.torture.kinds import DATABASE_ONLY
from trials.torture.nemesis import Broken

AFTERMATH_SECONDS = 1.0
"""What a fault between clients and program may still cost after it is healed."""

SHOWN_MAX = 10


class Recovery(msgspec.Struct, frozen=True, order=True):
    """How long after a fault the next command to be sent was answered."""

    seconds: float
    fault: str


def slowest_recovery(calls: Iterable[Call], broken: list[Broken]) -> Recovery:
    """From the end of a fault to the first answer to a command sent after it, where no other came between."""
    answered = [call for call in calls if call.answered and call.operation not in READS]
    found = [Recovery(0.0, "nothing")]
    for fault in broken:
        first = min((call.ended_at for call in answered if call.sent_at >= fault.healed_at), default=None)
        if first and not any(fault.healed_at < other.started_at < first for other in broken):
            found.append(Recovery(first - fault.healed_at, fault.name))
    return max(found)


def late_answers(calls: Iterable[Call], broken: list[Broken]) -> list[str]:
    """Clients wait two seconds longer than the program's deadline: while it can be reached, that is enough.

    When the database does not answer, the program does: 503, by its deadline.
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
