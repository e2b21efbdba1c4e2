"""The network between clients, program and database: reset, silent, slow or half-open."""

import asyncio
from random import Random

from trials.torture.proxy import Proxy, Trouble
from trials.torture.site import Site


async def clients_reset(site: Site, random: Random) -> None:
    await _reset(site.front, random.randint(1, 5), random.uniform(0.05, 0.5))


async def clients_in_a_black_hole(site: Site, random: Random) -> None:
    await _trouble(site.front, Trouble.BLACK_HOLE, random.uniform(0.5, 5))


async def clients_delayed(site: Site, random: Random) -> None:
    await _trouble(site.front, Trouble.DELAY, random.uniform(2, 5))


async def clients_half_open(site: Site, random: Random) -> None:
    await _half_open(site.front, random.uniform(0.5, 4))


async def answers_to_clients_lost(site: Site, random: Random) -> None:
    site.front.loss_chance = random.uniform(0.05, 0.5)
    await _trouble(site.front, Trouble.LOSE_ANSWERS, random.uniform(1, 4))


async def database_reset(site: Site, random: Random) -> None:
    await _reset(site.back, random.randint(1, 10), random.uniform(0.02, 0.4))


async def database_in_a_black_hole(site: Site, random: Random) -> None:
    await _trouble(site.back, Trouble.BLACK_HOLE, random.uniform(0.5, 6))


async def database_delayed(site: Site, random: Random) -> None:
    await _trouble(site.back, Trouble.DELAY, random.uniform(2, 5))


async def database_half_open(site: Site, random: Random) -> None:
    await _half_open(site.back, random.uniform(0.5, 5))


async def answers_to_commit_lost(site: Site, random: Random) -> None:
    site.back.loss_chance = random.uniform(0.05, 0.5)
    await _trouble(site.back, Trouble.LOSE_ANSWERS, random.uniform(1, 4))


async def _reset(proxy: Proxy, times: int, pause_seconds: float) -> None:
    for _ in range(times):
        proxy.reset_all()
        await asyncio.sleep(pause_seconds)


async def _half_open(proxy: Proxy, seconds: float) -> None:
    proxy.close_far_sides()
    await _trouble(proxy, Trouble.HALF_OPEN, seconds)
    proxy.reset_all()


async def _trouble(proxy: Proxy, trouble: Trouble, seconds: float) -> None:
    proxy.trouble = trouble
    await asyncio.sleep(seconds)
    proxy.trouble = Trouble.NONE
