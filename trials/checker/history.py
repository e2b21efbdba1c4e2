"""What there is to judge: what clients wrote down and what the log says, laid side by side."""

from dataclasses import dataclass, field
from datetime import timedelta

from trials.checker.calls import READS, Call
from trials.checker.log import Key, Log, Outcome

REUSED = 422
"""The key was used for something else: nothing is decided, and so nothing is recorded."""

Clock = tuple[timedelta, timedelta]
"""By how much the database's clock may be before the clients', and after it."""

EXACT: Clock = (timedelta(milliseconds=-2), timedelta(milliseconds=2))
"""On one machine, and left alone."""


@dataclass(slots=True)
class Command:
    """All tries of one command. `outcome` is what the ledger recorded of it, if anything."""

    tries: list[Call]
    outcome: Outcome | None

    @property
    def sent_at(self) -> float:
        """From here on it may have taken effect."""
        return min(call.sent_at for call in self.tries)

    @property
    def answers(self) -> list[Call]:
        return [call for call in self.tries if call.answered and call.status != REUSED]

    @property
    def answered_at(self) -> float | None:
        """By then it had taken effect; None when nobody was told."""
        return min((call.ended_at for call in self.answers), default=None)

    def __str__(self) -> str:
        return str((self.answers or self.tries)[0])


@dataclass(slots=True)
class History:
    log: Log
    clock: Clock
    commands: dict[Key, Command] = field(default_factory=dict)
    reads: list[Call] = field(default_factory=list)
    """The answered ones."""

    @classmethod
    def of(cls, calls: list[Call], log: Log, clock: Clock = EXACT) -> "History":
        history = cls(log, clock)
        outcomes = {outcome.command: outcome for outcome in log.outcomes}
        for call in calls:
            key = (call.who, call.operation, call.key)
            if call.operation not in READS:
                command = history.commands.setdefault(key, Command([], outcomes.get(key)))
                command.tries.append(call)
            elif call.answered:
                history.reads.append(call)
        return history
