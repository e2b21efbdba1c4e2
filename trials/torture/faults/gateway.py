"""The payment gateway: killed, down, slow, losing answers, carrying out requests twice, and forgetful."""

import asyncio
from random import Random
from typing import Any

from trials.torture.faults.program import kill_the_program
from trials.torture.gateway import Gateway
from trials.torture.site import Site

LATE_SECONDS_MAX = 5.0
LAG_SECONDS_MAX = 6.0
IN_FLIGHT_SECONDS = 3.0
"""A search and the request that follows it take at most this long."""

_NOT_WHILE_FORGETFUL = {"late", "twice"}


async def kill_the_gateway(site: Site, random: Random) -> None:
    _gateway(site).kill()
    await asyncio.sleep(random.uniform(0.2, 3))


async def kill_program_and_gateway(site: Site, random: Random) -> None:
    await asyncio.gather(kill_the_program(site, random), kill_the_gateway(site, random))


async def gateway_down(site: Site, random: Random) -> None:
    await _gateway(site).switch({"down": True})


async def gateway_well(site: Site, random: Random) -> None:
    await _gateway(site).switch({})


async def gateway_misbehaves(site: Site, random: Random) -> list[str]:
    """Switch on some mishaps at once; return their names. They stay on until the next switch."""
    mishaps: dict[str, Any] = {
        "slow": {"chance": random.uniform(0.1, 0.5), "seconds": random.uniform(0.2, 3)},
        "late": {"chance": random.uniform(0.1, 0.4), "seconds": random.uniform(0.2, LATE_SECONDS_MAX)},
        **{name: {"chance": random.uniform(0.1, 0.4)} for name in ("lose", "fail", "twice")},
    }
    memory = _bad_memory(_gateway(site), random)
    possible = mishaps.keys() - (_NOT_WHILE_FORGETFUL if "amnesia" in memory else set())
    chosen = random.sample(sorted(possible), random.randint(1, 3))
    await _gateway(site).switch({name: mishaps[name] for name in chosen} | memory)
    return [f"gateway: {name}" for name in sorted([*chosen, *memory])]


def _bad_memory(gateway: Gateway, random: Random) -> dict[str, Any]:
    """Return forgotten keys, or a search that lags, or neither.

    A real gateway does not do both to one payment; through one that did, no client could charge exactly once.
    Nor does it forget a key while a request under that key is under way, or carry it out twice then.
    """
    draw = random.random()
    if draw < 0.4 and gateway.is_off_for(IN_FLIGHT_SECONDS + LATE_SECONDS_MAX, "search_lag", "late"):
        return {"amnesia": {"chance": random.uniform(0.2, 1)}}
    # A charge made without a key is found by then.
    if draw > 0.6 and gateway.is_off_for(IN_FLIGHT_SECONDS + LAG_SECONDS_MAX, "amnesia"):
        return {"search_lag": random.uniform(1, LAG_SECONDS_MAX)}
    return {}


def _gateway(site: Site) -> Gateway:
    assert site.gateway is not None
    return site.gateway
