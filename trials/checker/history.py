"""The material of a check: recorded calls and the log, side by side."""

from dataclasses import dataclass, field
from datetime import timedelta

from trials.checker.calls import Call
from trials.checker.log import LEDGER, Key, Log, Outcome
from trials.checker.requests import NOT_RECORDED, Request, code_of

Clock = tuple[timedelta, timedelta]
"""How far the database's clock may be behind the clients' clock, and ahead of it."""

EXACT: Clock = (timedelta(milliseconds=-2), timedelta(milliseconds=2))
"""Both clocks are of one machine and not adjusted."""

THROUGH_GATEWAY = frozenset(
    {
        "pay_booking",
        "capture_payment",
        "void_payment",
        "settle_refund",
        "pay_itinerary",
        "capture_itinerary",
        "void_itinerary",
    }
)
"""Commands that record an intent as their outcome; the answer follows from what the gateway did."""


@dataclass(slots=True)
class Command:
    """All attempts of one command. `outcome` is the recorded one, if any."""

    tries: list[Call]
    outcome: Outcome | None

    @property
    def sent_at(self) -> float:
        """The earliest moment at which it may have taken effect.

        The ledger may give one of its own commands at any time before a caller gives the same one.
        """
        return min(call.sent_at for call in self.tries) if self.tries[0].who != LEDGER else float("-inf")

    @property
    def answers(self) -> list[Call]:
        """Answers that are the outcome, and are recorded as such."""
        return [call for call in self.tries if call.answered and code_of(call.text) not in NOT_RECORDED]

    @property
    def answered_at(self) -> float | None:
        """The moment by which it had taken effect; None without an answer."""
        return min((call.ended_at for call in self.answers), default=None)

    @property
    def requests(self) -> list[Request]:
        """The requests that the outcome may be about.

        A key may have been used with several bodies. Once an answer came, only its own is left.
        """
        found: list[Request] = []
        for call in self.answers[:1] or self.tries:
            request = Request.of(call)
            if request not in found:
                found.append(request)
        return found

    def __str__(self) -> str:
        return str((self.answers or self.tries)[0])


@dataclass(slots=True)
class History:
    """`has_gateway`: payments and refunds went through a payment gateway."""

    log: Log
    clock: Clock
    has_gateway: bool = False
    commands: dict[Key, Command] = field(default_factory=dict)
    reads: list[Call] = field(default_factory=list)
    """Answered reads only."""

    @classmethod
    def of(cls, calls: list[Call], log: Log, clock: Clock = EXACT, has_gateway: bool = False) -> "History":
        history = cls(log, clock, has_gateway)
        outcomes = {outcome.command: outcome for outcome in log.outcomes}
        for call in calls:
            key = (call.who, call.operation, call.key)
            if call.is_command:
                command = history.commands.setdefault(key, Command([], outcomes.get(key)))
                command.tries.append(call)
            elif call.answered:
                history.reads.append(call)
        return history

    def answers_intent(self, operation: str) -> bool:
        """Is the recorded outcome of such a command only the intent, and the answer another one?"""
        return self.has_gateway and operation in THROUGH_GATEWAY
