"""Bookings in several ledgers at once: in this process, or in two that serve all of them."""

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from itertools import cycle
from random import sample
from statistics import median
from threading import Barrier
from typing import NamedTuple
from uuid import UUID

from loguru import logger

from trials.bench.direct_client import RATE_MAX, SEATS, book, schedule
from trials.bench.fresh import BenchLedger
from trials.bench.pace import Pace
from trials.bench.process import run

PROCESSES = 2
WARM_SECONDS = 0.5
START_SECONDS_MAX = 60


class SoldLedger(NamedTuple):
    """A ledger and the flights that are sold in it."""

    ledger: BenchLedger
    flights: list[UUID]


async def schedule_all(ledger: BenchLedger, seconds: int) -> SoldLedger:
    """Schedule flights for so many seconds of bookings."""
    async with ledger.open() as opened:
        return SoldLedger(ledger, await schedule(opened, RATE_MAX * seconds // SEATS))


async def book_here(
    ledgers: Sequence[SoldLedger], callers: int, seconds: int, wait: Callable[[], object] = lambda: None
) -> Pace:
    """Book with so many callers in each ledger; begin after `wait`."""
    async with AsyncExitStack() as stack:
        sales = [
            (
                await stack.enter_async_context(each.ledger.open()),
                cycle(sample(each.flights, len(each.flights))),
            )
            for each in ledgers
        ]
        await asyncio.gather(*(book(ledger, flights, callers, WARM_SECONDS) for ledger, flights in sales))
        wait()
        return together(
            await asyncio.gather(*(book(ledger, flights, callers, seconds) for ledger, flights in sales))
        )


def together(paces: Sequence[Pace]) -> Pace:
    """Return the sum of the paces, and the median or the worst of their latencies."""
    return Pace(
        sum(pace.per_second for pace in paces),
        median(pace.p50_ms for pace in paces),
        max(pace.p99_ms for pace in paces),
        max(pace.max_ms for pace in paces),
    )


class Processes:
    """Two processes that book in the same ledgers at the same time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(PROCESSES, context, _begin, (context.Barrier(PROCESSES),))

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def book(self, ledgers: Sequence[SoldLedger], callers: int, seconds: int) -> Pace:
        """Book with so many callers in each ledger, half of them in each process."""
        tasks = [
            self._pool.submit(_book, ledgers, max(1, callers // PROCESSES), seconds) for _ in range(PROCESSES)
        ]
        return together([task.result() for task in tasks])


_barriers: list[Barrier] = []
"""The barrier of this process with the other one."""


def _begin(barrier: Barrier) -> None:
    logger.remove()
    _barriers.append(barrier)


def _book(ledgers: Sequence[SoldLedger], callers: int, seconds: int) -> Pace:
    return run(book_here(ledgers, callers, seconds, lambda: _barriers[0].wait(START_SECONDS_MAX)))
