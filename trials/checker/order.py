"""The log's order is the order in which things happened: dense, forward in time, and as clients saw it."""

from collections.abc import Iterator
from dataclasses import dataclass

from trials.checker.history import History


@dataclass(frozen=True, slots=True)
class _Seen:
    """One answered operation: it took effect between two instants, at a position; `new` if it has its own."""

    sent_at: float
    answered_at: float
    position: int
    first_position: int
    new: bool
    told: object


def check_log(history: History) -> Iterator[str]:
    """Positions are dense, and time does not go backwards."""
    before = None
    for expected, event in enumerate(history.log.events, start=1):
        if event.position != expected:
            yield f"positions are not dense: {event} stands where {expected} should"
            return
        if before and event.recorded_at < before.recorded_at:
            yield f"time goes backwards: {before}, then {event}"
        before = event


def check_real_time(history: History) -> Iterator[str]:
    """If A was answered before B was sent, B is not before A in the log."""
    operations = _operations(history)
    answered = iter(sorted(operations, key=lambda seen: seen.answered_at))
    following = next(answered, None)
    latest: _Seen | None = None
    for seen in sorted(operations, key=lambda seen: seen.sent_at):
        while following is not None and following.answered_at < seen.sent_at:
            if latest is None or following.position > latest.position:
                latest = following
            following = next(answered, None)
        if latest is None:
            continue
        if seen.first_position < latest.position + seen.new:
            yield (
                "sent later, but earlier in the log: "
                f"position {latest.position} was answered to {latest.told}; "
                f"and then position {seen.first_position} to {seen.told}"
            )


def _operations(history: History) -> list[_Seen]:
    found = []
    for command in history.commands.values():
        answered_at, outcome = command.answered_at, command.outcome
        if answered_at is not None and outcome is not None:
            position, first = outcome.last_position, outcome.first_position
            new = first is not None
            found.append(_Seen(command.sent_at, answered_at, position, first or position, new, command))
    return found + [
        _Seen(call.sent_at, call.ended_at, call.position, call.position, False, call)
        for call in history.reads
        if call.position is not None
    ]
