"""The drill's nemesis: kills either side, or a part of ours, and has the gateway misbehave."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from trials.checker.calls import now
from trials.drills.gateway.site import Site
from trials.programs.processes import send
from trials.torture.nemesis import Broken

PAUSE_SECONDS = (1.0, 4.0)
LATE_SECONDS_MAX = 5.0
LAG_SECONDS_MAX = 6.0
IN_FLIGHT_SECONDS = 3.0
"""So long a search and the order that follows it may take, whatever they meet."""


class Nemesis:
    """`broken` tells what was done; a fault heals when all runs again."""

    def __init__(self, site: Site, random: Random) -> None:
        self.broken: list[Broken] = []
        self._site = site
        self._random = random
        self._switched: dict[str, Any] = {}
        self._on_until: dict[str, float] = {}
        self._deck: list[Callable[[], Awaitable[list[str]]]] = []

    async def rage(self, seconds: float) -> None:
        """Every kind, then every kind again in another order, until the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
            started_at = now()
            names = await self._next()()
            await self._site.mend()
            self.broken += [Broken(name, started_at, now()) for name in names]

    async def calm(self) -> None:
        """All up, and the gateway well behaved."""
        await self._site.mend()
        await self._set({})

    def _next(self) -> Callable[[], Awaitable[list[str]]]:
        if not self._deck:
            kills = [
                self._kill_gateway,
                self._kill_program,
                self._kill_both,
                self._kill_program_and_database,
                self._kill_worker,
                self._kill_scheduler,
            ]
            mishaps = [self._misbehave, self._misbehave, self._misbehave, self._down, self._behave]
            self._deck = self._random.sample(kills + mishaps, len(kills + mishaps))
        return self._deck.pop()

    async def _kill_gateway(self) -> list[str]:
        self._site.gateway.kill()
        self._note({})
        await asyncio.sleep(self._random.uniform(0.2, 3))
        return ["kill the gateway"]

    async def _kill_program(self) -> list[str]:
        await asyncio.to_thread(self._site.program.kill)
        await asyncio.sleep(self._random.choice([0, self._random.uniform(0, 2)]))
        return ["kill the program"]

    async def _kill_both(self) -> list[str]:
        await asyncio.gather(self._kill_program(), self._kill_gateway())
        return ["kill program and gateway"]

    async def _kill_program_and_database(self) -> list[str]:
        await asyncio.to_thread(self._site.kill_database)
        await self._kill_program()
        return ["kill program and database"]

    async def _kill_worker(self) -> list[str]:
        workers = self._site.program.workers()
        send(signal.SIGKILL, self._random.sample(workers, min(len(workers), 1)))
        return ["kill a worker"] if workers else []

    async def _kill_scheduler(self) -> list[str]:
        scheduler = self._site.program.part("scheduler")
        send(signal.SIGKILL, scheduler)
        return ["kill the scheduler"] if scheduler else []

    async def _down(self) -> list[str]:
        await self._set({"down": True})
        return ["gateway down"]

    async def _behave(self) -> list[str]:
        await self._set({})
        return ["switches off"]

    async def _misbehave(self) -> list[str]:
        """Some mishaps at once."""
        random = self._random
        mishaps: dict[str, Any] = {
            "slow": {"chance": random.uniform(0.1, 0.5), "seconds": random.uniform(0.2, 3)},
            "late": {"chance": random.uniform(0.1, 0.4), "seconds": random.uniform(0.2, LATE_SECONDS_MAX)},
            **{name: {"chance": random.uniform(0.1, 0.4)} for name in ("lose", "fail", "twice")},
        }
        memory = self._bad_memory()
        possible = mishaps.keys() - (_NOT_WHILE_FORGETFUL if "amnesia" in memory else set())
        chosen = random.sample(sorted(possible), random.randint(1, 3))
        await self._set({name: mishaps[name] for name in chosen} | memory)
        return sorted([*chosen, *memory])

    def _bad_memory(self) -> dict[str, Any]:
        """Keys forgotten, or a search that is behind, or neither.

        No gateway does both to one payment, and none that did could be charged once. Nor does any forget
        a key while what was asked under it is still under way, or carry it out twice then.
        """
        draw = self._random.random()
        if draw < 0.4 and self._off_for(IN_FLIGHT_SECONDS + LATE_SECONDS_MAX, "search_lag", "late"):
            return {"amnesia": {"chance": self._random.uniform(0.2, 1)}}
        # What was made without a key is found by then.
        if draw > 0.6 and self._off_for(IN_FLIGHT_SECONDS + LAG_SECONDS_MAX, "amnesia"):
            return {"search_lag": self._random.uniform(1, LAG_SECONDS_MAX)}
        return {}

    def _off_for(self, seconds: float, *names: str) -> bool:
        self._note(self._switched)
        return all(self._on_until.get(name, 0.0) + seconds < time.monotonic() for name in names)

    async def _set(self, switches: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            await self._site.switch(switches)
        self._note(switches)

    def _note(self, switches: dict[str, Any]) -> None:
        """Until when the switches of before were on; killed, the simulator forgets them."""
        self._on_until |= dict.fromkeys(self._switched, time.monotonic())
        self._switched = switches


_NOT_WHILE_FORGETFUL = {"late", "twice"}
