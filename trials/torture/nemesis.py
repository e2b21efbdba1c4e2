"""The nemesis: breaks one thing after another, in an order that a seed settles."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from random import Random

import msgspec

from trials.checker.calls import now
from trials.torture.kinds import ANYWHERE, INSTANT, POLITE, Fault, possible
from trials.torture.kinds.strokes import Missed
from trials.torture.site import Site

PAUSE_SECONDS = (0.2, 1.2)
COMPANION_CHANCE = 0.25


class Broken(msgspec.Struct, frozen=True):
    """One fault: what was broken, from when to when; times as `records.now` gives."""

    name: str
    started_at: float
    healed_at: float


class Nemesis:
    """`faults` are all that the site allows unless given."""

    def __init__(self, site: Site, random: Random, faults: Mapping[str, Fault] | None = None) -> None:
        self.broken: list[Broken] = []
        self._site = site
        self._random = random
        self._faults = faults or possible(site)
        # The few kinds that not every site allows come up three times as often as others.
        self._cards = sorted(self._faults) + 2 * sorted(self._faults.keys() - ANYWHERE.keys())
        self._deck: list[str] = []

    @property
    def counts(self) -> Counter[str]:
        return Counter(broken.name for broken in self.broken)

    async def rage(self, seconds: float) -> None:
        """Every kind, then every kind again in another order, until the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
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
        with contextlib.suppress(Missed):
            await fault(self._site, Random(self._random.random()))
            self.broken.append(Broken(name, started_at, now()))
