"""The world of one seed: programs, database, network and the record of all calls."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from api.http.commands import render
from domain.caller import Caller
from domain.commands import Command
from ledger.submission import Answer, CommandKey, Submission
from runtime.settings import Settings
from trials.simulation.loop import SimulatedLoop
from trials.simulation.network import Network, Weather
from trials.simulation.program import Failed, Parts, Program, Reply
from trials.simulation.trace import Trace

PATIENCE_SECONDS = 2.0
"""A client waits this much longer than a program's deadline for its answer."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An answer that reached its client, and the length of the log at that moment."""

    at: float
    head: int
    answer: Answer


@dataclass(slots=True, eq=False)
class SimulatedCall:
    """One command under one key, however often it is sent.

    `poison`: it holds a character that PostgreSQL always refuses, as if a door had let it pass.
    """

    command: Command
    caller: Caller
    key: str
    expected_version: int | None = None
    poison: bool = False
    sent_at: float | None = None
    attempts: int = 0
    answers: list[Arrival] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def operation(self) -> str:
        return self.submission().operation

    @property
    def command_key(self) -> CommandKey:
        return self.submission().command_key

    @property
    def fingerprint(self) -> bytes:
        return self.submission().fingerprint

    def submission(self) -> Submission:
        """Return a new submission of the command. Its answers are rendered as the API renders them."""
        return Submission(
            self.command,
            self.caller,
            render,
            key=self.key,
            expected_versions=None if self.expected_version is None else (self.expected_version,),
            correlation_id=f"{self.key}/{self.attempts}" + "\0" * self.poison,
        )


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
        self.calls: list[SimulatedCall] = []
        self._parts = parts
        self._starts = 0
        self._healed = False
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
        self._healed = True
        self.network.calm()
        self.database.up = True
        self.loop.thaw("database")
        for program in list(self.programs):
            if program.alive:
                self.loop.thaw(program.name)
            else:
                self.restart(program)

    def call(
        self, command: Command, caller: Caller, key: str, expected_version: int | None = None
    ) -> SimulatedCall:
        call = SimulatedCall(command, caller, key, expected_version)
        self.calls.append(call)
        return call

    async def pause(self, seconds: float) -> None:
        """Wait about that long; hardly at all once all is healed, so that only unanswered calls take long."""
        await asyncio.sleep(self.random.expovariate(1 / seconds) * (0.02 if self._healed else 1))

    async def settle(self, call: SimulatedCall, attempts_max: int | None = None) -> Answer | None:
        """Send the call until it is answered; return None after `attempts_max` attempts without an answer."""
        pause = 0.05
        while attempts_max is None or call.attempts < attempts_max:
            reply = await self.send(call)
            if isinstance(reply, Answer | Failed):
                return reply if isinstance(reply, Answer) else None
            await asyncio.sleep(pause * self.random.uniform(0.5, 1.5))
            pause = min(2 * pause, 1.0)
        return None

    async def send(self, call: SimulatedCall) -> Reply | None:
        """Send the call once, to any program; return None when no answer comes."""
        call.attempts += 1
        call.sent_at = self.loop.time() if call.sent_at is None else call.sent_at
        reply: asyncio.Future[Reply | None] = self.loop.create_future()
        program = self.random.choice(self.programs)

        def arrive() -> None:
            program.receive(call.submission(), receive)

        def receive(arrived: Reply) -> None:
            self._record(call, arrived)
            _settle(reply, arrived)

        copies = self.network.deliver(arrive)
        self.trace(call.caller.subject, f"sends {call.key} to {program.name}", _COPIES[copies], call.command)
        timer = self.loop.call_later(self.settings.deadline_seconds + PATIENCE_SECONDS, _settle, reply, None)
        try:
            return await reply
        finally:
            timer.cancel()

    def _record(self, call: SimulatedCall, reply: Reply) -> None:
        client = call.caller.subject
        match reply:
            case Answer():
                self.trace(
                    client,
                    f"receives for {call.key}:",
                    reply.status,
                    reply.body.decode(),
                    f"at {reply.position}" + " again" * reply.replayed,
                )
                call.answers.append(Arrival(self.loop.time(), len(self.database.events), reply))
            case Failed(error):
                self.trace(client, f"receives for {call.key}:", error)
                call.failures.append(error)
            case _:
                self.trace(client, f"receives for {call.key}:", type(reply).__name__)

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


def _settle(reply: "asyncio.Future[Reply | None]", arrived: Reply | None) -> None:
    if not reply.done():
        reply.set_result(arrived)
