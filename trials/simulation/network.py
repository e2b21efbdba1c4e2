"""The network between programs, database and clients: slow, partitioned and lossy, as the seed decides."""

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
"""The owner of all callbacks of the database server."""

CONNECT_SECONDS = 3.0

GIVEN_UP_SECONDS = 10.0
"""An unreachable peer is detected after this time, as `database.connection` configures TCP."""


@dataclass(slots=True)
class Weather:
    """The frequency of each trouble: chances from 0 to 1, latency in seconds."""

    latency: float
    cut: float = 0.0
    lost: float = 0.0
    doubled: float = 0.0


class Network:
    def __init__(self, loop: SimulatedLoop, random: Random, trace: Trace, weather: Weather) -> None:
        self.weather = weather
        self.slowness = 1.0
        self.partitioned: dict[str, float] = {}
        self.wires: list[FaultyWire] = []
        self.trace = trace
        self._loop = loop
        self._random = random
        self._unowned = copy_context()
        self._server = copy_context()
        self._server.run(OWNER.set, SERVER)

    async def connect(self, name: str, database: Database, transaction_seconds: float) -> "FaultyWire":
        """Open a connection. Raises psycopg.OperationalError if the server is down, frozen or unreachable."""
        answer: asyncio.Future[Session] = self._loop.create_future()

        def arrive() -> None:
            try:
                self.pass_on(name, _resolve, answer, database.connect(transaction_seconds))
            except psycopg.OperationalError as error:
                self.pass_on(name, _resolve, answer, error)

        self.pass_to_server(name, arrive)
        late = psycopg.OperationalError("connection timeout expired")
        timer = self._loop.call_later(CONNECT_SECONDS, _resolve, answer, late)
        try:
            return FaultyWire(self, name, await answer)
        finally:
            timer.cancel()

    def pass_on(self, name: str, callback: Callable[..., object], *arguments: Any) -> None:
        """Deliver between the program `name` and the database, as soon as they can reach each other."""
        delay = max(0.0, self.partitioned.get(name, 0.0) - self._loop.time()) + self._delay()
        self._loop.call_later(delay, callback, *arguments, context=self._unowned)

    def pass_to_server(
        self, name: str, callback: Callable[..., object], *arguments: Any, after: float = 0.0
    ) -> float:
        """Deliver to the server; return the time of arrival, which is not before `after`."""
        delay = max(0.0, self.partitioned.get(name, 0.0) - self._loop.time()) + self._delay()
        arrives_at = max(self._loop.time() + delay, after)
        self._loop.call_at(arrives_at, callback, *arguments, context=self._server)
        return arrives_at

    def deliver(self, callback: Callable[..., object], *arguments: Any) -> int:
        """Deliver between a client and a program, not at all, late or twice; return the number of copies."""
        copies = 0 if self.chance(self.weather.lost) else 2 if self.chance(self.weather.doubled) else 1
        for _ in range(copies):
            # Sometimes it arrives long after messages that were sent later.
            delay = self._delay() * (50 if self.chance(self.weather.doubled) else 1)
            self._loop.call_later(delay, callback, *arguments, context=self._unowned)
        return copies

    def serve(self, work: Any) -> None:
        self._loop.create_task(work, context=self._server)

    def chance(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def calm(self) -> None:
        """Stop all losses and delays. Messages under way still arrive."""
        self.weather = Weather(self.weather.latency)
        self.slowness = 1.0
        self.partitioned.clear()

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

    async def request(self, what: str, request: Callable[[], Awaitable[T]]) -> T:
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
        """Close the connection from the program's side. Earlier requests may still arrive and be executed."""
        self._break("the connection was shut down")

    def reset(self) -> None:
        """Break the connection from outside."""
        self._break("server closed the connection unexpectedly")

    def vanish(self) -> None:
        """Lose the program's machine: the server receives no notice."""
        self._broken = True
        self._forget()

    def _break(self, reason: str) -> None:
        if self._broken:
            return
        self._broken = True
        self._forget()
        # A FIN arrives after earlier data; a reset may overtake it.
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
            network.pass_on(self.name, _resolve, answer, outcome)


def _resolve(answer: asyncio.Future[Any], outcome: Any) -> None:
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
