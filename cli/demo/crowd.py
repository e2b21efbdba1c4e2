"""Concurrent work of a bounded number of customers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sized
from typing import Protocol, TypeVar

Task = TypeVar("Task")
CROWD_SIZE = 64


class Progress(Protocol):
    """Display of an act's progress."""

    def begin(self, total: int) -> None: ...
    def step(self) -> None: ...


async def work_through(
    tasks: Iterable[Task], do: Callable[[Task], Awaitable[None]], progress: Progress, size: int = CROWD_SIZE
) -> None:
    """Do all tasks, `size` at a time. The first exception ends the work."""
    if isinstance(tasks, Sized):
        progress.begin(len(tasks))
    queue = iter(tasks)

    async def work() -> None:
        for task in queue:
            await do(task)
            progress.step()

    async with asyncio.TaskGroup() as crowd:
        for _ in range(size):
            crowd.create_task(work())
