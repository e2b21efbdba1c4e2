"""One simulation from its seed: a world with its crowd and nemesis, then a calm phase, then the checks."""

import asyncio
from dataclasses import dataclass
from random import Random

from loguru import logger

from trials.simulation.checks import violations
from trials.simulation.customers import NAMES, Customer
from trials.simulation.loop import SimulatedLoop
from trials.simulation.nemesis import Nemesis
from trials.simulation.program import Parts
from trials.simulation.staff import Operator, Sweeper
from trials.simulation.trace import LINES_SHOWN, short
from trials.simulation.world import PATIENCE_SECONDS, World

CALM_SECONDS_MAX = 60.0
"""Liveness: simulated seconds within which every call is answered once all faults are healed."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one seed. `problem` is None when every rule held; `trace` is empty unless requested."""

    seed: int
    problem: str | None
    calls: int
    attempts: int
    events: int
    steps: int
    trace: tuple[str, ...]


def simulate(seed: int, parts: Parts | None = None, whole_trace: bool = False) -> Report:
    """Run one seed. A seed runs the same way, step by step, on any machine and any day."""
    random = Random(seed)
    loop = SimulatedLoop(random, shuffles=random.random() < 0.7)
    world = World(loop, random, parts or Parts())
    problem = None
    logger.disable("ledger")
    try:
        loop.run_until_complete(_live(world))
        if violation := next(violations(world.database, world.calls), None):
            problem = short(f"Violation: {violation}")
    except Exception as error:
        # An error of the simulation itself is reported, too: only its seed reproduces it.
        problem = short(f"{type(error).__name__}: {error}")
    finally:
        steps, trace = loop.steps, world.trace.lines(None if whole_trace else LINES_SHOWN)
        loop.end_all()
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
    crowd = asyncio.create_task(_visit(world, operator))
    await asyncio.wait({crowd}, timeout=random.uniform(5, 40))
    raging.cancel()
    nemesis.rest()
    world.loop.ends_at = world.loop.time() + CALM_SECONDS_MAX
    await crowd
    sweeping.cancel()
    # Messages that are delayed or doubled arrive as well.
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
