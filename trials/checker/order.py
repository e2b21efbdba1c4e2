"""The log's order is the real order: dense, forward in time, and as callers observed it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from trials.checker.history import History


@dataclass(frozen=True, slots=True)
class _Operation:
    """One answered operation. It took effect between two instants; `is_new` if it has events of its own."""

    sent_at: float
    answered_at: float
    position: int
    first_position: int
    is_new: bool
    source: object


def check_log(history: History) -> Iterator[str]:
    """Positions and versions are dense, and time does not go backwards."""
    before = None
    versions: Counter[UUID] = Counter()
    for expected, event in enumerate(history.log.events, start=1):
        if event.position != expected:
            yield f"positions are not dense: {event} stands where {expected} should"
            return
        versions[event.subject] += 1
        if event.version != versions[event.subject]:
            yield f"versions are not dense: version {event.version} of its subject: {event}"
        if before and event.recorded_at < before.recorded_at:
            yield f"time goes backwards: {before}, then {event}"
        before = event


def check_real_time(history: History) -> Iterator[str]:
    """If A was answered before B was sent, B is not before A in the log."""
    operations = _operations(history)
    answered = iter(sorted(operations, key=lambda each: each.answered_at))
    following = next(answered, None)
    latest: _Operation | None = None
    for each in sorted(operations, key=lambda each: each.sent_at):
        while following is not None and following.answered_at < each.sent_at:
            if latest is None or following.position > latest.position:
                latest = following
            following = next(answered, None)
        if latest is not None and each.first_position < latest.position + each.is_new:
            yield (
                "sent later, but earlier in the log: "
                f"position {latest.position} was answered to {latest.source}; "
                f"and then position {each.first_position} to {each.source}"
            )


def _operations(history: History) -> list[_Operation]:
    """Return all commands and reads with a position. A command that found nothing is like a read.

    An unanswered command has a position, too, if it is recorded: it is answered never.
    """
    found = []
    for command in history.commands.values():
        answered_at, outcome = command.answered_at, command.outcome
        if outcome is not None:
            position, first = outcome.last_position, outcome.first_position
            found.append(
                _Operation(
                    command.sent_at,
                    float("inf") if answered_at is None else answered_at,
                    position,
                    first or position,
                    first is not None,
                    command,
                )
            )
    absences = (c for command in history.commands.values() for c in command.tries if c.status == 404)
    return found + [
        _Operation(call.sent_at, call.ended_at, call.position, call.position, False, call)
        for call in (*history.reads, *absences)
        if call.position is not None
    ]
