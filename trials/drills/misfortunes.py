"""Misfortunes: servers killed, standbys promoted, waits cancelled, and what callers had been told by then."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import NamedTuple

from analytics.schema import migrate
from trials.drills.load import Told, callers
from trials.programs.pair import Pair
from trials.programs.postgres import Ground, Server

LOAD_SECONDS = 1.0
BEHIND_SECONDS = 0.7
CANCEL_EVERY_SECONDS = 0.02


class Cell(NamedTuple):
    """`unknown`: callers were told to ask again, which is no loss."""

    lost: int
    acknowledged: int
    unknown: int

    def __str__(self) -> str:
        return f"{self.lost} of {self.acknowledged}"


class Row(NamedTuple):
    """One way of running it. `safe`: nothing may be lost, whatever happens; a control must lose something."""

    name: str
    settings: Mapping[str, str]
    standby: str = "none"
    program: Callable[[], AbstractContextManager[None]] = nullcontext
    safe: bool = False
    control: bool = False


async def killed(ground: Ground, row: Row) -> Cell:
    """kill -9 of all its processes; the same server starts again."""
    server = await asyncio.to_thread(_primary, ground, row)
    async with _load(server.url, row) as told:
        await asyncio.sleep(LOAD_SECONDS)
        await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    return _cell(told, server)


async def failed_over(ground: Ground, row: Row) -> Cell:
    """kill -9 of the primary; its standby, which kept up, is promoted."""
    pair = await asyncio.to_thread(_pair, ground, row)
    async with _load(pair.primary.url, row) as told:
        await asyncio.sleep(LOAD_SECONDS)
        await asyncio.to_thread(pair.primary.kill)
    await asyncio.to_thread(pair.promote)
    return _cell(told, pair.primary)


async def failed_over_behind(ground: Ground, row: Row) -> Cell:
    """The same, but the standby has received nothing for a while."""
    return await _behind(ground, row, cancelling=False)


async def failed_over_cancelling(ground: Ground, row: Row) -> Cell:
    """The same, and meanwhile somebody cancels every commit that waits for the standby."""
    return await _behind(ground, row, cancelling=True)


async def _behind(ground: Ground, row: Row, cancelling: bool) -> Cell:
    pair = await asyncio.to_thread(_pair, ground, row)
    async with _load(pair.primary.url, row) as told:
        await asyncio.sleep(LOAD_SECONDS)
        await asyncio.to_thread(pair.cut_off)
        deadline = time.monotonic() + BEHIND_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(CANCEL_EVERY_SECONDS)
            if cancelling:
                await asyncio.to_thread(pair.primary.execute, _CANCEL)
        await asyncio.to_thread(pair.primary.kill)
    await asyncio.to_thread(pair.promote)
    return _cell(told, pair.primary)


_CANCEL = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"


def _primary(ground: Ground, row: Row) -> Server:
    if row.standby != "none":
        return _pair(ground, row).primary
    server = ground.new_server("alone", row.settings)
    migrate(server.url)
    return server


def _pair(ground: Ground, row: Row) -> Pair:
    pair = Pair(ground, synchronous=row.standby == "synchronous", settings=row.settings)
    migrate(pair.primary.url)
    return pair


@asynccontextmanager
async def _load(url: str, row: Row) -> AsyncIterator[Told]:
    with row.program():
        async with callers(url) as told:
            yield told


def _cell(told: Told, server: Server) -> Cell:
    return Cell(told.lost(server.ask), len(told.answers), told.unknown)


MISFORTUNES: dict[str, Callable[[Ground, Row], Awaitable[Cell]]] = {
    "killed, started again": killed,
    "killed, standby promoted": failed_over,
    "standby behind, killed, promoted": failed_over_behind,
    "standby behind, waits cancelled, killed, promoted": failed_over_cancelling,
}
