"""The plan of a day's trade: who wants how many seats on which flight, and what becomes of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

Wish = TypeVar("Wish")

PARTY_WEIGHTS = {1: 40, 2: 34, 3: 8, 4: 10, 5: 3, 6: 2, 7: 1, 8: 1, 9: 1}
POPULAR_FLIGHTS = 24
POPULAR_SHARE = 0.6


class Fate(Enum):
    """What a customer does once the seats are held."""

    PAY = "pay"
    PAY_THEN_CANCEL = "pay, then cancel"
    CANCEL = "cancel unpaid"
    FORGET = "forget"


FATE_WEIGHTS = {Fate.PAY: 74, Fate.PAY_THEN_CANCEL: 8, Fate.CANCEL: 8, Fate.FORGET: 10}
IMPATIENT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Order:
    """One customer's wish. The impatient press every button three times at once."""

    customer: int
    flight_id: str
    seats: int
    fate: Fate
    impatient: bool


def plan_orders(flight_ids: Sequence[str], *, orders: int, customers: int, seed: int) -> list[Order]:
    """The same orders for the same arguments: a few flights are popular, so that some of them sell out."""
    dice = random.Random(seed)
    popular = dice.sample(flight_ids, min(POPULAR_FLIGHTS, len(flight_ids)))
    return [
        Order(
            customer=dice.randrange(customers),
            flight_id=dice.choice(popular if dice.random() < POPULAR_SHARE else flight_ids),
            seats=_one_of(dice, PARTY_WEIGHTS),
            fate=_one_of(dice, FATE_WEIGHTS),
            impatient=dice.random() < IMPATIENT_SHARE,
        )
        for _ in range(orders)
    ]


def _one_of(dice: random.Random, weights: dict[Wish, int]) -> Wish:
    return dice.choices(list(weights), list(weights.values()))[0]
