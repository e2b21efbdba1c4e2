"""Faults of any process."""

import asyncio
import signal

from trials.programs.processes import send, wait_for_end


class NothingToBreak(Exception):
    """The process does not exist at this moment, because it is being started again."""


async def kill(processes: list[int]) -> None:
    """Kill the processes and wait for their end: until then a supervisor takes them for alive."""
    require_any(processes)
    send(signal.SIGKILL, processes)
    await asyncio.to_thread(wait_for_end, processes)


async def freeze(processes: list[int], seconds: float) -> None:
    require_any(processes)
    send(signal.SIGSTOP, processes)
    await asyncio.sleep(seconds)
    send(signal.SIGCONT, processes)


def require_any(processes: object) -> None:
    """Raise NothingToBreak for an empty list."""
    if not processes:
        raise NothingToBreak
