"""The world of one seed: programs, database, network and the record of all calls."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from domain.booking import Booking
from domain.waiting import WaitingParty
from ledger.log import fold
from ledger.submission import Answer, Submission
from projections.bookings import BookingRow
from projections.waiting import WaitingRow
from runtime.settings import Settings
from trials.checker.calls import Call
from trials.crowd.direct import UNKNOWN, answered, submission_of
from trials.simulation.loop import SimulatedLoop
from trials.simulation.network import Network, Weather
from trials.simulation.program import Failed, Parts, Program, Reply
from trials.simulation.trace import Trace

PATIENCE_SECONDS = 2.0
"""A client waits this much longer than a program's deadline for its answer."""

INTERNAL_ERROR = 500


@dataclass(frozen=True, slots=True)
class Arrival:
    """An answer that reached its client, and the length of the log at that moment."""

    submission: Submission
    at: float
    head: int
    answer: Answer


class World:
    def __init__(self, loop: SimulatedLoop, random: Random, parts: Parts) -> None:
        self.loop = loop
        self.random = random
        self.trace = Trace(loop)
        self.settings = Settings(
            hold_seconds=random.choice((1, 2, 3, 5, 8)),
            capture_seconds=random.choice((1, 2, 4, 8, 30)),
            offer_seconds=random.choice((1, 2, 5, 15)),
            deadline_seconds=random.choice((0.3, 0.6, 1.0, 2.0, 5.0)),
        )
        self.network = Network(loop, random, self.trace, _weather(random))
        self.database = parts.database()
        self.database.tick = timedelta(milliseconds=random.choice((0.001, 0.001, 250, 1000)))
        self.calls: list[Call] = []
        self.arrivals: list[Arrival] = []
        self.attempts = 0
        self._parts = parts
        self._starts = 0
        self.programs: list[Program] = []

    def start(self) -> None:
        self.programs = [self._start_program() for _ in range(self.random.randint(1, 3))]

    def restart(self, program: Program) -> None:
        """Start a program in place of one that has ended, unless that was done already."""
        if program in self.programs:
            self.programs[self.programs.index(program)] = successor = self._start_program()
            self.trace(successor.name, "starts in place of", program.name)

    def heal(self) -> None:
        """End all faults: everything works again from now on."""
        self.trace("nemesis", "heals everything")
        self.network.calm()
        self.database.up = True
        self.loop.thaw("database")
        for program in list(self.programs):
            if program.alive:
                self.loop.thaw(program.name)
            else:
                self.restart(program)

    async def send(self, call: Call, poison: bool = False) -> Call:
        """Send the call once, to any program; return it with its answer, if one comes. Record all answers.

        `poison`: it holds a character that PostgreSQL always refuses, as if a door had let it pass.
        """
        if not call.is_command:
            return self._read(call)
        self.attempts += 1
        now = self.loop.time()
        call = msgspec.structs.replace(call, sent_at=now, ended_at=now)
        correlation_id = f"{call.who}/{call.key}/{self.attempts}" + "\0" * poison
        reply: asyncio.Future[Call] = self.loop.create_future()
        program = self.random.choice(self.programs)
        received: list[Reply] = []

        def arrive() -> None:
            submission = submission_of(call, correlation_id)
            program.receive(submission, lambda arrived: receive(submission, arrived))

        def receive(submission: Submission, arrived: Reply) -> None:
            # The network delivers some answers twice: those count once.
            if not any(arrived is earlier for earlier in received):
                received.append(arrived)
                _settle(reply, self._record(call, submission, arrived, poison))

        copies = self.network.deliver(arrive)
        self.trace(
            call.who,
            f"sends {call.key} to {program.name}",
            _COPIES[copies],
            call.operation,
            call.path,
            call.body,
        )
        patience = self.settings.deadline_seconds + PATIENCE_SECONDS
        timer = self.loop.call_later(patience, _settle, reply, call)
        try:
            return await reply
        finally:
            timer.cancel()
            if not received and not poison:
                self.calls.append(call)

    def _record(self, call: Call, submission: Submission, reply: Reply, poison: bool) -> Call:
        match reply:
            case Answer():
                received = (
                    f"{reply.status} {reply.body.decode()} at {reply.position}" + " again" * reply.replayed
                )
                self.arrivals.append(Arrival(submission, self.loop.time(), len(self.database.events), reply))
                call = answered(call, reply)
            case Failed(error):
                received = error
                call = msgspec.structs.replace(call, status=INTERNAL_ERROR, text=error)
            case _:
                received = type(reply).__name__
                call = msgspec.structs.replace(call, status=UNKNOWN)
        self.trace(call.who, f"receives for {call.key}:", received)
        call = msgspec.structs.replace(call, ended_at=self.loop.time())
        if not poison:
            self.calls.append(call)
        return call

    def _read(self, call: Call) -> Call:
        """Answer from the log, at once and without a network: queries are not simulated."""
        plural, *rest = call.path.removeprefix("/").split("/")
        row: Any = None
        if plural.startswith("refunds?"):
            row = {"data": [{"id": id} for id in self.database.refunds]}
        elif rest:
            match fold(self.database.stream(UUID(rest[0]))):
                case Booking() as booking:
                    row = BookingRow.of(booking)
                case WaitingParty() as party:
                    row = WaitingRow.of(party)
        if row is None:
            return call
        return msgspec.structs.replace(call, status=200, text=msgspec.json.encode(row).decode())

    def _start_program(self) -> Program:
        self._starts += 1
        name = f"program-{self._starts}"
        return Program(name, self._parts, self.settings, self.loop, self.network, self.database)


_COPIES = {0: "(lost)", 1: "", 2: "(twice)"}


def _weather(random: Random) -> Weather:
    """Give each kind of trouble to half of all seeds: rare sequences need some of them to be absent."""

    def sometimes(most: float) -> float:
        return random.choice((0.0, random.uniform(0.0, most)))

    return Weather(random.uniform(0.0002, 0.02), sometimes(0.12), sometimes(0.2), sometimes(0.2))


def _settle(reply: "asyncio.Future[Call]", call: Call) -> None:
    if not reply.done():
        reply.set_result(call)
