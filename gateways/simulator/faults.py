"""Faults that a caller can switch on, each with a probability. A switch that is left out is off."""

from dataclasses import dataclass
from random import Random
from typing import Annotated

import msgspec

Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]


class Odds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chance: Chance = 0.0


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chance: Chance = 0.0
    seconds: Seconds = 0.0


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`only` limits faults to changing requests with a path that ends with it. `down` affects all requests.

    `seed` restarts the random numbers, so that the same requests meet the same faults.
    """

    slow: Delay = Delay()
    late: Delay = Delay()
    lose: Odds = Odds()
    fail: Odds = Odds()
    twice: Odds = Odds()
    amnesia: Odds = Odds()
    search_lag: Seconds = 0.0
    down: bool = False
    only: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class InjectedFaults:
    """Faults of one request."""

    late_seconds: float
    slow_seconds: float
    drops_answer: bool
    fails: bool
    runs_twice: bool
    forgets_key: bool


class FaultInjector:
    """The current switches and their common source of random numbers."""

    def __init__(self) -> None:
        self.switches = Switches()
        self._random = Random()

    def set(self, switches: Switches) -> None:
        self.switches = switches
        if switches.seed is not None:
            self._random.seed(switches.seed)

    def draw(self, path: str = "") -> InjectedFaults:
        """Draw for all switches each time, so that one switch does not shift the draws of the others."""
        now = self.switches
        if now.only is not None and not path.endswith(now.only):
            now = Switches()
        odds = (now.late, now.slow, now.lose, now.fail, now.twice, now.amnesia)
        late, slow, *others = (self._random.random() < each.chance for each in odds)
        return InjectedFaults(now.late.seconds if late else 0.0, now.slow.seconds if slow else 0.0, *others)
