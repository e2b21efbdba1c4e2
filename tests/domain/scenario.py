"""Given-when-then in memory: the same handlers and blocks as the real ledger, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.booking import Booking
from domain.caller import Caller, Role
from domain.commands.base import Command
from domain.flight import Flight
from domain.refusals.base import Refusal
from domain.seats import Seats
from domain.waiting import WaitingParty
from domain.working_set import Terms, WorkingSet
from ledger.block import Block
from ledger.block_input import BlockInput
from ledger.block_people import BlockPeople
from ledger.chain import GENESIS
from ledger.keyring import NO_KEYRING
from ledger.log import RecordedEvent
from ledger.submission import Submission

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOLD = timedelta(minutes=5)
CAPTURE_WINDOW = timedelta(minutes=15)
OFFER_WINDOW = timedelta(minutes=10)
OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))
ALICE = Caller("alice", frozenset({Role.CLIENT}))
BOB = Caller("bob", frozenset({Role.CLIENT}))


class Scenario:
    """A ledger in memory. The test sets its clock; each `when` is a block of its own."""

    def __init__(self, gateway: str | None = None) -> None:
        self.now = NOON
        self.terms = Terms(HOLD, CAPTURE_WINDOW, OFFER_WINDOW, gateway)
        self.flights: dict[UUID, Flight] = {}
        self.bookings: dict[UUID, Booking] = {}
        self.parties: dict[UUID, WaitingParty] = {}
        self.seats: dict[UUID, Seats] = {}
        self.scheduled: dict[Any, UUID] = {}
        self.commands: dict[Any, Any] = {}
        self.position = 0
        self.decisions: list[Flight | Booking | WaitingParty | Refusal] = []
        self.recorded: list[RecordedEvent] = []

    @property
    def decision(self) -> Any:
        return self.decisions[-1]

    @property
    def events(self) -> list[str]:
        """Topics of the events that the last command recorded."""
        return [event.topic for event in self.recorded]

    def later(self, **time: float) -> Scenario:
        self.now += timedelta(**time)
        return self

    def when(self, command: Command, caller: Caller = OPERATOR, **submission: Any) -> Any:
        """Run a command and return its result: an aggregate or a refusal. `recorded` are its events only."""
        self.block([command], caller, **submission)
        return self.decision

    def block(
        self, commands: Sequence[Command], caller: Caller = OPERATOR, atomic: bool = False, **submission: Any
    ) -> Block:
        """Decide these commands in one block, and return it."""
        working_set = WorkingSet(self.now, self.terms, uuid4)
        working_set.flights, working_set.bookings, working_set.parties = (
            self.flights,
            self.bookings,
            self.parties,
        )
        working_set.seats, working_set.scheduled = self.seats, self.scheduled
        people = BlockPeople(NO_KEYRING, (), working_set)
        block = Block(BlockInput(self.position, GENESIS, self.commands, working_set, people))
        submissions = [Submission(command, caller, self._render, **submission) for command in commands]
        block.decide_all(submissions, atomic)
        self.position = block.position
        self.recorded = block.events
        return block

    def then_refused(self, refusal: type[Refusal], **facts: Any) -> None:
        assert type(self.decision) is refusal, self.decision
        assert facts.items() <= self.decision.facts.items(), self.decision.facts

    def then_seats(self, flight_id: UUID, *, held: int, booked: int) -> None:
        count = self.seats[flight_id]
        assert (count.held, count.booked) == (held, booked)
        assert count.free == count.seats - held - booked

    def _render(self, submission: Submission, decision: Any) -> tuple[int, bytes]:
        self.decisions.append(decision)
        return (409 if isinstance(decision, Refusal) else 200), b"{}"
