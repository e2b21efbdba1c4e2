"""One simulated program: a real writer on the twin of the database. It can be killed, frozen or cut off."""

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

from ledger.store import terms
from ledger.submission import Answer, Overloaded, Submission, Unavailable
from ledger.writer import BlockStore, Writer
from runtime.settings import Settings
from trials.simulation.database import Database
from trials.simulation.loop import OWNER, SimulatedLoop
from trials.simulation.network import FaultyWire, Network
from trials.simulation.store import TwinStore


@dataclass(frozen=True, slots=True)
class Failed:
    """An internal error of the program. No caller may ever receive one."""

    error: str


Reply = Answer | Overloaded | Unavailable | Failed


@dataclass(frozen=True, slots=True)
class Parts:
    """The classes that a simulation runs. Controls put broken ones in their place."""

    writer: type[Writer] = Writer
    database: type[Database] = Database
    store: type[TwinStore] = TwinStore


class Program:
    """One life of a program: a restart is another instance, with the next number in its name."""

    def __init__(
        self,
        name: str,
        parts: Parts,
        settings: Settings,
        loop: SimulatedLoop,
        network: Network,
        database: Database,
    ) -> None:
        self.name = name
        self.alive = True
        self._parts = parts
        self._settings = settings
        self._loop = loop
        self._network = network
        self._database = database
        self._context = copy_context()
        self._context.run(OWNER.set, name)
        self._writer = parts.writer(self._connect, settings)
        self._context.run(self._writer.start)

    def receive(self, submission: Submission, reply: Callable[[Reply], None]) -> None:
        if self.alive:
            self._loop.create_task(self._serve(submission, reply), context=self._context)

    def kill(self, silently: bool) -> None:
        """End the program at once. `silently`: its machine is gone too, and closes no connection."""
        self.alive = False
        self._loop.freeze(self.name)
        for wire in self._wires():
            wire.vanish() if silently else wire.sever()

    def stop(self) -> None:
        """Write the waiting commands, then end, as after SIGTERM."""
        self._loop.create_task(self._close(), context=self._context)

    def cut(self) -> None:
        for wire in self._wires():
            wire.reset()

    def _wires(self) -> list[FaultyWire]:
        return [wire for wire in self._network.wires if wire.name == self.name]

    async def _connect(self) -> BlockStore:
        seconds = self._settings.deadline_seconds
        wire = await self._network.connect(self.name, self._database, seconds)
        return self._parts.store(wire, terms(self._settings))

    async def _serve(self, submission: Submission, reply: Callable[[Reply], None]) -> None:
        result: Reply
        try:
            result = await self._writer.submit(submission)
        except (Overloaded, Unavailable) as refused:
            result = refused
        except Exception as error:
            result = Failed(repr(error))
        self._network.deliver(reply, result)

    async def _close(self) -> None:
        await self._writer.close()
        self.kill(silently=False)
