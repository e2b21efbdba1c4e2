"""What is done to any process, and what is raised when there is none."""

import asyncio
import signal

from trials.programs.processes import send, wait_for_end


class Missed(Exception):
    """There was nothing to break: what would have been was just being started again."""


async def kill(processes: list[int]) -> None:
    """And wait for the end: while they die, they still look alive to whoever restarts what has ended."""
    found(processes)
    send(signal.SIGKILL, processes)
    await asyncio.to_thread(wait_for_end, processes)


async def freeze(processes: list[int], seconds: float) -> None:
    found(processes)
    send(signal.SIGSTOP, processes)
    await asyncio.sleep(seconds)
    send(signal.SIGCONT, processes)


def found(what: object) -> None:
    """Raises Missed for nothing."""
    if not what:
        raise Missed
