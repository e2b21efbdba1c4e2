"""What a drill looks at afterwards: acknowledged commands that the log lacks, and times without answers."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from trials.checker.calls import READS, Call
from trials.checker.history import History
from trials.checker.log import Log


def is_command(call: Call) -> bool:
    return call.operation not in READS


def lost(calls: Sequence[Call], log: Log) -> list[str]:
    """Commands whose callers were told something else than the log now says, or of which it knows nothing.

    `calls` must have been made before the log was read.
    """
    return [
        str(command)
        for command in History.of(list(calls), log).commands.values()
        if any(
            command.outcome is None
            or (answer.status, answer.text) != (command.outcome.status, command.outcome.body)
            for answer in command.answers
        )
    ]


def silence(calls: Iterable[Call], since: float) -> float:
    """The longest time between two acknowledgements after a moment, in seconds."""
    answered = (call.ended_at for call in calls if call.answered and is_command(call))
    moments = sorted(moment for moment in answered if moment >= since)
    return max((later - earlier for earlier, later in pairwise(moments)), default=float("inf"))
