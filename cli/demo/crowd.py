"""A crowd: many customers at work at the same time, each on one thing after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sized
from typing import Protocol, TypeVar

Task = TypeVar("Task")
CROWD_SIZE = 64


class Watch(Protocol):
    """Shows how far an act has come."""

    def begin(self, total: int) -> None: ...
    def step(self) -> None: ...


async def work_through(
    tasks: Iterable[Task], do: Callable[[Task], Awaitable[None]], watch: Watch, size: int = CROWD_SIZE
) -> None:
    """Does every task, `size` of them at a time; the first exception ends it."""
    if isinstance(tasks, Sized):
        watch.begin(len(tasks))
    queue = iter(tasks)

    async def one_of_the_crowd() -> None:
        for task in queue:
            await do(task)
            watch.step()

    async with asyncio.TaskGroup() as crowd:
        for _ in range(size):
            crowd.create_task(one_of_the_crowd())
