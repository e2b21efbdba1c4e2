"""Mishaps that can be switched on, each with its chance; what is left out is off."""

from dataclasses import dataclass
from random import Random
from typing import Annotated

import msgspec

Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]


class Often(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chance: Chance = 0.0


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chance: Chance = 0.0
    seconds: Seconds = 0.0


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`only`: to requests that change something and whose path ends so; others are spared, unless it is down.

    `seed` starts the dice anew, so that the same requests meet the same mishaps.
    """

    slow: Delay = Delay()
    late: Delay = Delay()
    lose: Often = Often()
    fail: Often = Often()
    twice: Often = Often()
    amnesia: Often = Often()
    search_lag: Seconds = 0.0
    down: bool = False
    only: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls one request."""

    late_seconds: float
    slow_seconds: float
    lost: bool
    failed: bool
    twice: bool
    forgotten: bool


class Dice:
    """The switches as they stand, and the randomness that they share."""

    def __init__(self) -> None:
        self.switches = Switches()
        self._random = Random()

    def set(self, switches: Switches) -> None:
        self.switches = switches
        if switches.seed is not None:
            self._random.seed(switches.seed)

    def throw(self, path: str = "") -> Fate:
        """All of them each time: so one switch does not shift the luck of the others."""
        now = self.switches
        if now.only is not None and not path.endswith(now.only):
            now = Switches()
        odds = (now.late, now.slow, now.lose, now.fail, now.twice, now.amnesia)
        late, slow, *others = (self._random.random() < each.chance for each in odds)
        return Fate(now.late.seconds if late else 0.0, now.slow.seconds if slow else 0.0, *others)
