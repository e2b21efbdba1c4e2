"""One simulated program: a real writer on the twin, behind a door that a kill or a freeze shuts."""

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
    """What no caller should ever be told: the program broke."""

    error: str


Outcome = Answer | Overloaded | Unavailable | Failed
Reply = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a simulation is made of. Tests put broken parts in, to see the judge find out."""

    writer: type[Writer] = Writer
    database: type[Database] = Database
    store: type[TwinStore] = TwinStore


class Program:
    """Lives once: a restart is another one, with the next number in its name."""

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

    def receive(self, submission: Submission, reply: Reply) -> None:
        if self.alive:
            self._loop.create_task(self._serve(submission, reply), context=self._context)

    def kill(self, silently: bool) -> None:
        """Nothing of it runs any more. `silently`: its machine is gone too, and closes no connection."""
        self.alive = False
        self._loop.freeze(self.name)
        for wire in self._wires():
            wire.vanish() if silently else wire.sever()

    def stop(self) -> None:
        """As SIGTERM does: write what waits, then end."""
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

    async def _serve(self, submission: Submission, reply: Reply) -> None:
        outcome: Outcome
        try:
            outcome = await self._writer.submit(submission)
        except (Overloaded, Unavailable) as refused:
            outcome = refused
        except Exception as error:
            outcome = Failed(repr(error))
        self._network.deliver(reply, outcome)

    async def _close(self) -> None:
        await self._writer.close()
        self.kill(silently=False)
