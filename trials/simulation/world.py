"""The world of one seed: programs, database, network and the record of all calls."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import msgspec

from domain.booking import Booking
from domain.caller import Caller
from domain.commands import Command
from domain.refusals import Refusal
from ledger.submission import Answer, CommandKey, Submission, Verdict, neutral
from runtime.settings import Settings
from trials.simulation.loop import SimulatedLoop
from trials.simulation.network import Network, Weather
from trials.simulation.program import Failed, Outcome, Parts, Program
from trials.simulation.trace import Trace

PATIENCE_SECONDS = 2.0
"""How much longer than a program's deadline a client waits for its answer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it reached its client, and how long the log was at that moment."""

    at: float
    head: int
    answer: Answer


@dataclass(slots=True, eq=False)
class Call:
    """One command under one key, however often it is sent.

    `poison`: it came past a door with something that PostgreSQL refuses for good.
    """

    command: Command
    caller: Caller
    key: str
    expected_version: int | None = None
    poison: bool = False
    sent_at: float | None = None
    attempts: int = 0
    heard: list[Heard] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def command_key(self) -> CommandKey:
        return self.submission().command_key

    @property
    def fingerprint(self) -> bytes:
        return self.submission().fingerprint

    def submission(self) -> Submission:
        return Submission(
            self.command,
            self.caller,
            render,
            key=self.key,
            expected_version=self.expected_version,
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
        self.calls: list[Call] = []
        self._parts = parts
        self._births = 0
        self._healed = False
        self.programs: list[Program] = []

    def start(self) -> None:
        self.programs = [self._born() for _ in range(self.random.randint(1, 3))]

    def restart(self, program: Program) -> None:
        """In place of a program that has ended, unless that was done already."""
        if program in self.programs:
            self.programs[self.programs.index(program)] = reborn = self._born()
            self.trace(reborn.name, "starts in place of", program.name)

    def heal(self) -> None:
        """From now on nothing breaks any more, and all that was broken works again."""
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

    def call(self, command: Command, caller: Caller, key: str, expected_version: int | None = None) -> Call:
        call = Call(command, caller, key, expected_version)
        self.calls.append(call)
        return call

    async def pause(self, seconds: float) -> None:
        """About so long; in peace everybody hurries, so that only what is not answered takes long."""
        await asyncio.sleep(self.random.expovariate(1 / seconds) * (0.02 if self._healed else 1))

    async def settle(self, call: Call, attempts_max: int | None = None) -> Answer | None:
        """Send it until it is answered, as a good client does; None when told to lose patience before."""
        pause = 0.05
        while attempts_max is None or call.attempts < attempts_max:
            outcome = await self.send(call)
            if isinstance(outcome, Answer | Failed):
                return outcome if isinstance(outcome, Answer) else None
            await asyncio.sleep(pause * self.random.uniform(0.5, 1.5))
            pause = min(2 * pause, 1.0)
        return None

    async def send(self, call: Call) -> Outcome | None:
        """Send it once, to any program; None when no answer comes."""
        call.attempts += 1
        call.sent_at = self.loop.time() if call.sent_at is None else call.sent_at
        answer: asyncio.Future[Outcome | None] = self.loop.create_future()
        program = self.random.choice(self.programs)

        def arrive() -> None:
            program.receive(call.submission(), heard)

        def heard(outcome: Outcome) -> None:
            self._note(call, outcome)
            _settle(answer, outcome)

        copies = self.network.deliver(arrive)
        self.trace(call.caller.subject, f"sends {call.key} to {program.name}", _COPIES[copies], call.command)
        timer = self.loop.call_later(self.settings.deadline_seconds + PATIENCE_SECONDS, _settle, answer, None)
        try:
            return await answer
        finally:
            timer.cancel()

    def _note(self, call: Call, outcome: Outcome) -> None:
        who = call.caller.subject
        match outcome:
            case Answer():
                self.trace(
                    who,
                    f"hears of {call.key}:",
                    outcome.status,
                    outcome.body.decode(),
                    f"at {outcome.position}" + " again" * outcome.replayed,
                )
                call.heard.append(Heard(self.loop.time(), len(self.database.events), outcome))
            case Failed(error):
                self.trace(who, f"hears of {call.key}:", error)
                call.failed.append(error)
            case _:
                self.trace(who, f"hears of {call.key}:", type(outcome).__name__)

    def _born(self) -> Program:
        self._births += 1
        name = f"program-{self._births}"
        return Program(name, self._parts, self.settings, self.loop, self.network, self.database)


def render(submission: Submission, verdict: Verdict) -> tuple[int, bytes]:
    """What these clients are told: a booking's price as well, because they will have to pay it."""
    if isinstance(verdict, Refusal) or not isinstance(verdict, Booking):
        return neutral(submission, verdict)
    shown = {"id": verdict.id, "version": verdict.version, "cost": verdict.total_cost}
    return 200, msgspec.json.encode(shown)


_COPIES = {0: "(lost)", 1: "", 2: "(twice)"}


def _weather(random: Random) -> Weather:
    """Each kind of trouble in half of all seeds only: rare sequences need the others out of the way."""

    def sometimes(most: float) -> float:
        return random.choice((0.0, random.uniform(0.0, most)))

    return Weather(random.uniform(0.0002, 0.02), sometimes(0.12), sometimes(0.2), sometimes(0.2))


def _settle(answer: "asyncio.Future[Outcome | None]", outcome: Outcome | None) -> None:
    if not answer.done():
        answer.set_result(outcome)
