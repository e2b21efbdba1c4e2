"""One simulation from its seed: a world, its people and its nemesis; then peace, and the judge."""

import asyncio
from dataclasses import dataclass
from random import Random

from loguru import logger

from trials.simulation.customers import NAMES, Customer
from trials.simulation.judge import judge
from trials.simulation.loop import SimulatedLoop
from trials.simulation.nemesis import Nemesis
from trials.simulation.program import Parts
from trials.simulation.staff import Operator, Sweeper
from trials.simulation.trace import TOLD, short
from trials.simulation.world import PATIENCE_SECONDS, World

PEACE_SECONDS_MAX = 60.0
"""Liveness: simulated seconds in which everybody must be answered once nothing breaks any more."""


@dataclass(frozen=True, slots=True)
class Report:
    """How one seed went; `problem` is None when every rule held, `trace` empty unless it is wanted."""

    seed: int
    problem: str | None
    calls: int
    attempts: int
    events: int
    steps: int
    trace: tuple[str, ...]


def simulate(seed: int, parts: Parts | None = None, whole_trace: bool = False) -> Report:
    """The same seed goes the same way, step by step, on any machine and any day."""
    random = Random(seed)
    loop = SimulatedLoop(random, shuffles=random.random() < 0.7)
    world = World(loop, random, parts or Parts())
    problem = None
    logger.disable("ledger")
    try:
        loop.run_until_complete(_live(world))
        judge(world.database, world.calls)
    except Exception as wrong:
        # Also what broke the simulation itself: without its seed nobody would find it again.
        problem = short(f"{type(wrong).__name__}: {wrong}")
    finally:
        steps, trace = loop.steps, world.trace.lines(None if whole_trace else TOLD)
        loop.bury()
        logger.enable("ledger")
    return Report(
        seed,
        problem,
        len(world.calls),
        sum(call.attempts for call in world.calls),
        len(world.database.events),
        steps,
        tuple(trace if problem or whole_trace else ()),
    )


async def _live(world: World) -> None:
    random = world.random
    nemesis, operator, sweeper = Nemesis(world), Operator(world), Sweeper(world)
    world.start()
    raging = asyncio.create_task(nemesis.rage())
    sweeping = asyncio.create_task(sweeper.live(random.uniform(0.2, 2.0)))
    people = asyncio.create_task(_visit(world, operator))
    await asyncio.wait({people}, timeout=random.uniform(5, 40))
    raging.cancel()
    nemesis.rest()
    world.loop.ends_at = world.loop.time() + PEACE_SECONDS_MAX
    await people
    sweeping.cancel()
    # What is still under way, doubled or late, lands as well.
    await asyncio.sleep(2 * (world.settings.deadline_seconds + PATIENCE_SECONDS))


async def _visit(world: World, operator: Operator) -> None:
    random = world.random
    await operator.open(random.randint(1, 3))
    if not operator.flights:
        return
    customers = [Customer(world, name, operator.flights) for name in NAMES[: random.randint(2, len(NAMES))]]
    commands, pause = random.randint(40, 110), random.uniform(0.02, 0.6)
    await asyncio.gather(
        operator.live(random.randint(0, 8), pause * 5),
        *(customer.live(commands // len(customers), pause) for customer in customers),
    )
