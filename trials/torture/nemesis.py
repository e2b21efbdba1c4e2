"""The nemesis: breaks one thing after another, in an order that the seed decides."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from random import Random

import msgspec

from trials.checker.calls import now
from trials.torture.faults import ANYWHERE, INSTANT, POLITE, Fault, possible
from trials.torture.faults.process_faults import NothingToBreak
from trials.torture.site import Site

PAUSE_SECONDS = (0.2, 1.2)
GATEWAY_PAUSE_SECONDS = (1.0, 4.0)
"""Payments through a gateway need time between two faults to get anywhere."""

COMPANION_CHANCE = 0.25


class Broken(msgspec.Struct, frozen=True):
    """One fault: its name, its start and its end, in times as `calls.now` gives them."""

    name: str
    started_at: float
    healed_at: float


class Nemesis:
    """Uses `faults`, or all that the site allows."""

    def __init__(self, site: Site, random: Random, faults: Mapping[str, Fault] | None = None) -> None:
        self.broken: list[Broken] = []
        self._site = site
        self._random = random
        self._faults = faults or possible(site)
        self._pause = GATEWAY_PAUSE_SECONDS if site.gateway else PAUSE_SECONDS
        # The few kinds that not every site allows are three times as frequent as others. With a gateway
        # only its mishaps are, because there are several of them.
        rare = {"gateway misbehaves"} if site.gateway else self._faults.keys() - ANYWHERE.keys()
        self._cards = sorted(self._faults) + 2 * sorted(rare)
        self._deck: list[str] = []

    @property
    def counts(self) -> Counter[str]:
        return Counter(broken.name for broken in self.broken)

    async def rage(self, seconds: float) -> None:
        """Use every kind once, then again in another order, until the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(self._random.uniform(*self._pause))
            name = self._next()
            together = [self._break(name, self._faults[name], 0)]
            if name not in POLITE and self._random.random() < COMPANION_CHANCE:
                companion = self._random.choice(sorted(INSTANT))
                together.append(self._break(companion, INSTANT[companion], self._random.uniform(0, 2)))
            await asyncio.gather(*together)
            await self._site.mend()

    def _next(self) -> str:
        if not self._deck:
            self._deck = self._random.sample(self._cards, len(self._cards))
        return self._deck.pop()

    async def _break(self, name: str, fault: Fault, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        started_at = now()
        with contextlib.suppress(NothingToBreak):
            details = await fault(self._site, Random(self._random.random()))
            self.broken += [Broken(each, started_at, now()) for each in details or [name]]
