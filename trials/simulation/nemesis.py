"""The nemesis of the simulation: it strikes between any two steps, at times that the seed decides.

It has a schedule of its own, because its faults are callbacks on a virtual clock: a third of them strike at a
time, a third after a number of steps, and a third between the lock and the commit of a block.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from trials.simulation.network import SERVER
from trials.simulation.program import Program
from trials.simulation.world import World


class Nemesis:
    """Uses the faults that the seed has drawn, or none at all."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._faults = [fault for fault in FAULTS if world.random.random() < 0.4]
        self._pause = world.random.uniform(0.1, 4.0)

    async def rage(self) -> None:
        while self._faults:
            await asyncio.sleep(self._random.expovariate(1 / self._pause))
            match self._random.randrange(3):
                case 0:
                    self._strike()
                case 1:
                    self._world.loop.after_steps(self._random.randint(1, 150), self._strike)
                case 2:
                    self._lie_in_wait()

    def rest(self) -> None:
        """End all faults and heal everything."""
        self._faults = []
        self._world.heal()

    def _lie_in_wait(self) -> None:
        """Strike in the middle of a block, between its lock and its commit."""
        if self._world.database.lock_holder is not None and self._random.random() < 0.3:
            self._strike()
        elif self._faults:
            self._world.loop.after_steps(1, self._lie_in_wait)

    def _strike(self) -> None:
        if self._faults:
            self._random.choice(self._faults)(self)

    def kill_program(self) -> None:
        program, silently = self._some_program(), self._random.random() < 0.5
        self._trace(program.name, "killed, and its machine with it" if silently else "killed")
        program.kill(silently)
        self._later(2.0, lambda: self._world.restart(program))

    def stop_program(self) -> None:
        program = self._some_program()
        self._trace(program.name, "stopped")
        program.stop()
        # Kill the program after its grace period, as an orchestrator does.
        grace = self._world.settings.deadline_seconds + 1

        def replace() -> None:
            program.kill(silently=False)
            self._world.restart(program)

        self._world.loop.call_later(grace, replace)

    def freeze_program(self) -> None:
        program = self._some_program()
        self._freeze(program.name, lambda: program.alive)

    def kill_database(self) -> None:
        self._trace(SERVER, "killed")
        self._world.database.crash()
        for program in self._world.programs:
            program.cut()
        self._later(2.0, self._recover)

    def freeze_database(self) -> None:
        self._freeze(SERVER, lambda: True)

    def cut_connections(self) -> None:
        program = self._some_program()
        self._trace(program.name, "connections cut")
        program.cut()

    def partition_network(self) -> None:
        program, seconds = self._some_program(), self._random.uniform(0.05, 6.0)
        self._trace(program.name, f"out of the database's reach for {seconds:.2f} s")
        self._world.network.partitioned[program.name] = self._world.loop.time() + seconds

    def slow_network(self) -> None:
        network = self._world.network
        network.slowness = self._random.uniform(5, 100)
        self._trace("network", f"slower by {network.slowness:.0f}")

        def quicken() -> None:
            network.slowness = 1.0

        self._later(3.0, quicken)

    def jump_clock(self) -> None:
        hold = self._world.settings.hold_seconds
        seconds = self._random.uniform(-2 * hold, 2 * hold)
        if self._random.random() < 0.1:
            seconds = self._random.choice((10_000, -10_000))
        self._trace(SERVER, f"clock set by {seconds:+.3f} s")
        self._world.database.skew += timedelta(seconds=seconds)

    def _freeze(self, name: str, is_alive: Callable[[], bool]) -> None:
        self._trace(name, "frozen")
        self._world.loop.freeze(name)

        def thaw() -> None:
            if is_alive():
                self._trace(name, "thawed")
                self._world.loop.thaw(name)

        self._later(6.0, thaw)

    def _recover(self) -> None:
        self._trace(SERVER, "up again")
        self._world.database.up = True

    def _some_program(self) -> Program:
        """Return a program in the middle of a block, or else any."""
        holder = self._world.database.lock_holder
        busy = {wire.name for wire in self._world.network.wires if wire.session is holder}
        programs = [program for program in self._world.programs if program.name in busy]
        return self._random.choice(programs or self._world.programs)

    def _later(self, seconds_max: float, callback: Callable[[], None]) -> None:
        self._world.loop.call_later(self._random.uniform(0.01, seconds_max), callback)

    def _trace(self, target: str, what: str) -> None:
        self._world.trace("nemesis", f"{target}: {what}")


FAULTS: tuple[Callable[[Nemesis], None], ...] = (
    Nemesis.kill_program,
    Nemesis.stop_program,
    Nemesis.freeze_program,
    Nemesis.kill_database,
    Nemesis.freeze_database,
    Nemesis.cut_connections,
    Nemesis.partition_network,
    Nemesis.slow_network,
    Nemesis.jump_clock,
)
