"""The network between programs, database and clients: slow, parted, and losing what the seed says."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar, cast

import psycopg

from trials.simulation.database import Database, Session
from trials.simulation.loop import OWNER, SimulatedLoop
from trials.simulation.trace import Trace

T = TypeVar("T")

SERVER = "database"
"""Owner of all that the database server does."""

CONNECT_SECONDS = 3.0

GIVEN_UP_SECONDS = 10.0
"""A peer that is out of reach for so long is noticed, as `database.connection` asks of TCP."""


@dataclass(slots=True)
class Weather:
    """How often a message meets with what: chances from 0 to 1, seconds."""

    latency: float
    cut: float = 0.0
    lost: float = 0.0
    doubled: float = 0.0


class Network:
    def __init__(self, loop: SimulatedLoop, random: Random, trace: Trace, weather: Weather) -> None:
        self.weather = weather
        self.slowness = 1.0
        self.parted: dict[str, float] = {}
        self.wires: list[FaultyWire] = []
        self.trace = trace
        self._loop = loop
        self._random = random
        self._nobody = copy_context()
        self._server = copy_context()
        self._server.run(OWNER.set, SERVER)

    async def connect(self, name: str, database: Database, transaction_seconds: float) -> "FaultyWire":
        """Raises psycopg.OperationalError when the server is down, frozen or out of reach."""
        answer: asyncio.Future[Session] = self._loop.create_future()

        def arrive() -> None:
            try:
                self.pass_on(name, _settle, answer, database.connect(transaction_seconds))
            except psycopg.OperationalError as error:
                self.pass_on(name, _settle, answer, error)

        self.pass_to_server(name, arrive)
        late = psycopg.OperationalError("connection timeout expired")
        timer = self._loop.call_later(CONNECT_SECONDS, _settle, answer, late)
        try:
            return FaultyWire(self, name, await answer)
        finally:
            timer.cancel()

    def pass_on(self, name: str, callback: Callable[..., object], *arguments: Any) -> None:
        """Deliver between the program called `name` and the database, when they can reach each other."""
        delay = max(0.0, self.parted.get(name, 0.0) - self._loop.time()) + self._delay()
        self._loop.call_later(delay, callback, *arguments, context=self._nobody)

    def pass_to_server(
        self, name: str, callback: Callable[..., object], *arguments: Any, after: float = 0.0
    ) -> float:
        """When it will arrive: not before `after`, where the order is kept."""
        delay = max(0.0, self.parted.get(name, 0.0) - self._loop.time()) + self._delay()
        arrives_at = max(self._loop.time() + delay, after)
        self._loop.call_at(arrives_at, callback, *arguments, context=self._server)
        return arrives_at

    def deliver(self, callback: Callable[..., object], *arguments: Any) -> int:
        """Between a client and a program, with no promise: not at all, late or twice; how often it will."""
        copies = 0 if self.chance(self.weather.lost) else 2 if self.chance(self.weather.doubled) else 1
        for _ in range(copies):
            # Sometimes long after what was sent later.
            delay = self._delay() * (50 if self.chance(self.weather.doubled) else 1)
            self._loop.call_later(delay, callback, *arguments, context=self._nobody)
        return copies

    def serve(self, work: Any) -> None:
        self._loop.create_task(work, context=self._server)

    def chance(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def calm(self) -> None:
        """From now on nothing is lost or late; what is under way still arrives."""
        self.weather = Weather(self.weather.latency)
        self.slowness = 1.0
        self.parted.clear()

    def _delay(self) -> float:
        return self.weather.latency * self.slowness * self._random.uniform(0.5, 2.0)


class FaultyWire:
    """One connection of a program. A request and its answer travel apart, and either may be lost."""

    def __init__(self, network: Network, name: str, session: Session) -> None:
        self.name = name
        self._network = network
        self.session = session
        self._answer: asyncio.Future[Any] | None = None
        self._broken = False
        self._asked_until = 0.0
        network.wires.append(self)

    async def ask(self, what: str, request: Callable[[], Awaitable[T]]) -> T:
        if self._broken:
            raise psycopg.OperationalError("the connection is closed")
        loop = asyncio.get_running_loop()
        self._answer = answer = loop.create_future()
        network = self._network
        cut_before = network.chance(network.weather.cut)
        if cut_before:
            network.trace(self.name, f"{what}: connection cut before it arrives")
            network.pass_on(self.name, self.reset)
        else:
            self._asked_until = network.pass_to_server(self.name, self._arrive, what, request, answer)
        given_up = loop.call_later(GIVEN_UP_SECONDS, self.reset)
        try:
            return cast(T, await answer)
        finally:
            given_up.cancel()

    def sever(self) -> None:
        """Shut down from the program's side; what was sent before may still arrive and be done."""
        self._break("the connection was shut down")

    def reset(self) -> None:
        """Broken from outside, as the program sees it."""
        self._break("server closed the connection unexpectedly")

    def vanish(self) -> None:
        """The program's machine is gone and says no goodbye: the server is not told."""
        self._broken = True
        self._forget()

    def _break(self, reason: str) -> None:
        if self._broken:
            return
        self._broken = True
        self._forget()
        # A FIN comes after what was sent before it; a reset may overtake that.
        after = self._asked_until if self._network.chance(0.7) else 0.0
        self._network.pass_to_server(self.name, self.session.hang_up, after=after)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(psycopg.OperationalError(reason))

    def _forget(self) -> None:
        if self in self._network.wires:
            self._network.wires.remove(self)

    def _arrive(self, what: str, request: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any]) -> None:
        self._network.serve(self._serve(what, request, answer))

    async def _serve(
        self, what: str, request: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any]
    ) -> None:
        network = self._network
        outcome: Any
        try:
            outcome = await request()
        except psycopg.Error as error:
            outcome = error
        if network.chance(network.weather.cut):
            network.trace(self.name, f"{what}: done, but its answer is lost")
            network.pass_on(self.name, self.reset)
        else:
            network.pass_on(self.name, _settle, answer, outcome)


def _settle(answer: asyncio.Future[Any], outcome: Any) -> None:
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
