"""The simulated loop: time passes at once, and programs stop anywhere."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from random import Random
from time import monotonic
from typing import Any

import pytest

from trials.simulation.loop import OWNER, SimulatedLoop, Stuck


@pytest.fixture
def loop() -> SimulatedLoop:
    return SimulatedLoop(Random(1), shuffles=False)


def owned(loop: SimulatedLoop, owner: str, work: Coroutine[Any, Any, Any]) -> None:
    context = copy_context()
    context.run(OWNER.set, owner)
    loop.create_task(work, context=context)


def test_an_hour_passes_at_once(loop: SimulatedLoop) -> None:
    started = monotonic()
    loop.run_until_complete(asyncio.sleep(3600))
    assert loop.time() == 3600
    assert monotonic() - started < 60
    loop.end_all()


def test_a_wait_without_end_is_detected(loop: SimulatedLoop) -> None:
    with pytest.raises(Stuck, match="no timer is left"):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_an_end_that_is_not_in_sight_is_noticed(loop: SimulatedLoop) -> None:
    loop.ends_at = 10.0
    with pytest.raises(Stuck, match="no end after"):
        loop.run_until_complete(asyncio.sleep(11))
    loop.close()


def test_a_frozen_program_does_nothing_until_it_is_thawed(loop: SimulatedLoop) -> None:
    ticks: list[float] = []

    async def tick() -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            ticks.append(loop.time())

    async def freeze() -> None:
        owned(loop, "clock", tick())
        await asyncio.sleep(1.5)
        loop.freeze("clock")
        await asyncio.sleep(10)
        loop.thaw("clock")
        await asyncio.sleep(10)

    loop.run_until_complete(freeze())
    assert ticks == [1.0, 11.5, 12.5]
    loop.end_all()


def test_a_step_can_be_stopped_between_any_two(loop: SimulatedLoop) -> None:
    done: list[int] = []

    async def count() -> None:
        for number in range(100):
            done.append(number)
            await asyncio.sleep(0)

    async def stop() -> None:
        owned(loop, "counter", count())
        loop.after_steps(7, lambda: loop.freeze("counter"))
        await asyncio.sleep(1)

    loop.run_until_complete(stop())
    assert 0 < len(done) < 10
    loop.end_all()


def test_a_callback_that_raises_ends_the_run(loop: SimulatedLoop) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    loop.call_later(1, fail)
    with pytest.raises(ValueError, match="a bug"):
        loop.run_until_complete(asyncio.sleep(2))
    loop.call_soon(fail)
    loop.end_all()


def test_the_seed_decides_the_order_of_callbacks_that_are_ready_together() -> None:
    def order(seed: int) -> list[int]:
        loop, seen = SimulatedLoop(Random(seed), shuffles=True), list[int]()
        for number in range(20):
            loop.call_soon(seen.append, number)
        loop.run_until_complete(asyncio.sleep(0))
        loop.end_all()
        return seen

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(20))
