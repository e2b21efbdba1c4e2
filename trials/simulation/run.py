"""One simulation from its seed: a world with its crowd and nemesis, then a calm phase, then the checks."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from loguru import logger

from trials.crowd.crowd import Crowd
from trials.crowd.sale import Plan
from trials.simulation.checks import violations
from trials.simulation.database import EPOCH
from trials.simulation.intruders import Poisoner, Sweeper
from trials.simulation.loop import SimulatedLoop
from trials.simulation.nemesis import Nemesis
from trials.simulation.program import Parts
from trials.simulation.trace import LINES_SHOWN, short
from trials.simulation.world import PATIENCE_SECONDS, World

CUSTOMERS_MAX = 8
TURNS = (24, 77)
"""The fewest and the most turns of all customers together."""

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
        if violation := next(violations(world), None):
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
        len({(call.who, call.operation, call.key) for call in world.calls}),
        world.attempts,
        len(world.database.events),
        steps,
        tuple(trace if problem or whole_trace else ()),
    )


async def _live(world: World) -> None:
    random = world.random
    nemesis, crowd = Nemesis(world), Crowd(world.send, random, _plan(world))
    sweeper, poisoner = Sweeper(world), Poisoner(world, crowd.sale)
    world.start()
    raging = asyncio.create_task(nemesis.rage())
    visit = asyncio.create_task(_visit(crowd))
    others = [
        asyncio.create_task(sweeper.live(random.uniform(0.2, 2.0))),
        asyncio.create_task(poisoner.live()),
    ]
    await asyncio.wait({visit}, timeout=random.uniform(5, 40))
    raging.cancel()
    nemesis.rest()
    world.loop.ends_at = world.loop.time() + CALM_SECONDS_MAX
    # The crowd takes its last turns without a pause, so that only unanswered calls take long.
    crowd.sale.closing.set()
    await visit
    for task in others:
        task.cancel()
    # Messages that are delayed or doubled arrive as well.
    await asyncio.sleep(2 * (world.settings.deadline_seconds + PATIENCE_SECONDS))


async def _visit(crowd: Crowd) -> None:
    await crowd.open()
    await asyncio.gather(*crowd.tasks)


def _plan(world: World) -> Plan:
    random = world.random
    customers = random.randint(2, CUSTOMERS_MAX)
    # Far enough away for most jumps of the clock, but not for all; or so near that the flights get late.
    is_near = random.random() < 0.3
    departs = EPOCH + (timedelta(seconds=random.uniform(4, 30)) if is_near else timedelta(hours=6))
    return Plan(
        hold_seconds=world.settings.hold_seconds,
        think_seconds=random.uniform(0.02, 0.6),
        customers=customers,
        flights=random.randint(1, 3),
        seats=(1, 6),
        departs_at=departs.isoformat(),
        arrives_at=(departs + timedelta(hours=8)).isoformat(),
        turns=random.randint(*TURNS) // customers,
    )
