"""The network between clients, program and database: reset, silent, slow or half-open."""

import asyncio
from random import Random

from trials.torture.proxy import Trouble
from trials.torture.site import Site


async def clients_reset(site: Site, random: Random) -> None:
    for _ in range(random.randint(1, 5)):
        site.front.reset_all()
        await asyncio.sleep(random.uniform(0.05, 0.5))


async def clients_in_a_black_hole(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.BLACK_HOLE, random.uniform(0.5, 5))


async def clients_delayed(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.DELAY, random.uniform(2, 5))


async def clients_half_open(site: Site, random: Random) -> None:
    site.front.trouble = Trouble.HALF_OPEN
    site.front.close_far_sides()
    await asyncio.sleep(random.uniform(0.5, 4))
    site.front.trouble = Trouble.NONE
    site.front.reset_all()


async def answers_to_clients_lost(site: Site, random: Random) -> None:
    site.front.loss_chance = random.uniform(0.05, 0.5)
    await _trouble(site, Trouble.LOSE_ANSWERS, random.uniform(1, 4))


async def database_reset(site: Site, random: Random) -> None:
    for _ in range(random.randint(1, 10)):
        site.back.reset_all()
        await asyncio.sleep(random.uniform(0.02, 0.4))


async def database_in_a_black_hole(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.BLACK_HOLE, random.uniform(0.5, 6), back=True)


async def database_delayed(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.DELAY, random.uniform(2, 5), back=True)


async def database_half_open(site: Site, random: Random) -> None:
    site.back.trouble = Trouble.HALF_OPEN
    site.back.close_far_sides()
    await asyncio.sleep(random.uniform(0.5, 5))
    site.back.trouble = Trouble.NONE
    site.back.reset_all()


async def answers_to_commit_lost(site: Site, random: Random) -> None:
    site.back.loss_chance = random.uniform(0.05, 0.5)
    await _trouble(site, Trouble.LOSE_ANSWERS, random.uniform(1, 4), back=True)


async def _trouble(site: Site, trouble: Trouble, seconds: float, back: bool = False) -> None:
    proxy = site.back if back else site.front
    proxy.trouble = trouble
    await asyncio.sleep(seconds)
    proxy.trouble = Trouble.NONE
