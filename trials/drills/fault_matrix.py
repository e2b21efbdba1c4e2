"""Faults of servers under load: killed, promoted, commit waits cancelled; and the answers lost by them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import NamedTuple

from analytics.schema import migrate
from trials.checker.calls import Call
from trials.drills.load import acknowledged, lost, run_callers
from trials.programs.pair import Pair
from trials.programs.postgres import Ground, Server

LOAD_SECONDS = 1.0
BEHIND_SECONDS = 0.7
CANCEL_EVERY_SECONDS = 0.02


class Cell(NamedTuple):
    """`unknown` counts outcomes that callers have to ask for again, which are no losses."""

    lost: int
    acknowledged: int
    unknown: int

    def __str__(self) -> str:
        return f"{self.lost} of {self.acknowledged}"


class Row(NamedTuple):
    """One configuration. `safe`: it may lose nothing in any fault; a control must lose something."""

    name: str
    settings: Mapping[str, str]
    standby: str = "none"
    program: Callable[[], AbstractContextManager[None]] = nullcontext
    safe: bool = False
    control: bool = False


async def killed(ground: Ground, row: Row) -> Cell:
    """Kill all processes of the server, then start it again."""
    server = await asyncio.to_thread(_primary, ground, row)
    async with _load(server.url, row) as calls:
        await asyncio.sleep(LOAD_SECONDS)
        await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    return _cell(calls, server)


async def failed_over(ground: Ground, row: Row) -> Cell:
    """Kill the primary, then promote its standby, which is up to date."""
    pair = await asyncio.to_thread(_pair, ground, row)
    async with _load(pair.primary.url, row) as calls:
        await asyncio.sleep(LOAD_SECONDS)
        await asyncio.to_thread(pair.primary.kill)
    await asyncio.to_thread(pair.promote)
    return _cell(calls, pair.primary)


async def failed_over_behind(ground: Ground, row: Row) -> Cell:
    """Kill the primary, then promote its standby, which has received nothing for a while."""
    return await _behind(ground, row, cancelling=False)


async def failed_over_cancelling(ground: Ground, row: Row) -> Cell:
    """Cancel every commit that waits for the standby; then kill the primary and promote the standby."""
    return await _behind(ground, row, cancelling=True)


async def _behind(ground: Ground, row: Row, cancelling: bool) -> Cell:
    pair = await asyncio.to_thread(_pair, ground, row)
    async with _load(pair.primary.url, row) as calls:
        await asyncio.sleep(LOAD_SECONDS)
        await asyncio.to_thread(pair.cut_off)
        deadline = time.monotonic() + BEHIND_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(CANCEL_EVERY_SECONDS)
            if cancelling:
                await asyncio.to_thread(pair.primary.execute, _CANCEL)
        await asyncio.to_thread(pair.primary.kill)
    await asyncio.to_thread(pair.promote)
    return _cell(calls, pair.primary)


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
async def _load(url: str, row: Row) -> AsyncIterator[list[Call]]:
    with row.program():
        async with run_callers(url) as calls:
            yield calls


def _cell(calls: list[Call], server: Server) -> Cell:
    return Cell(lost(calls, server.url), acknowledged(calls), sum(not call.answered for call in calls))


FAULTS: dict[str, Callable[[Ground, Row], Awaitable[Cell]]] = {
    "killed, started again": killed,
    "killed, standby promoted": failed_over,
    "standby behind, killed, promoted": failed_over_behind,
    "standby behind, waits cancelled, killed, promoted": failed_over_cancelling,
}
