"""The plan of a day's sales: seats, flight, and the customer's choice after the hold."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

Option = TypeVar("Option")

PARTY_WEIGHTS = {1: 40, 2: 34, 3: 8, 4: 10, 5: 3, 6: 2, 7: 1, 8: 1, 9: 1}
POPULAR_FLIGHTS = 24
POPULAR_SHARE = 0.6


class CustomerChoice(Enum):
    """Choice of a customer with a hold."""

    PAY = "pay"
    PAY_THEN_CANCEL = "pay, then cancel"
    CANCEL = "cancel unpaid"
    DO_NOT_PAY = "forget"


CHOICE_WEIGHTS = {
    CustomerChoice.PAY: 74,
    CustomerChoice.PAY_THEN_CANCEL: 8,
    CustomerChoice.CANCEL: 8,
    CustomerChoice.DO_NOT_PAY: 10,
}
IMPATIENT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase of one customer. Impatient customers send each command three times at once."""

    customer: int
    flight_id: str
    seats: int
    choice: CustomerChoice
    impatient: bool


def plan_purchases(flight_ids: Sequence[str], *, orders: int, customers: int, seed: int) -> list[Purchase]:
    """Plan purchases, the same for the same arguments. A few flights are popular, so that some sell out."""
    rng = random.Random(seed)
    popular = rng.sample(flight_ids, min(POPULAR_FLIGHTS, len(flight_ids)))
    return [
        Purchase(
            customer=rng.randrange(customers),
            flight_id=rng.choice(popular if rng.random() < POPULAR_SHARE else flight_ids),
            seats=_one_of(rng, PARTY_WEIGHTS),
            choice=_one_of(rng, CHOICE_WEIGHTS),
            impatient=rng.random() < IMPATIENT_SHARE,
        )
        for _ in range(orders)
    ]


def _one_of(rng: random.Random, weights: dict[Option, int]) -> Option:
    return rng.choices(list(weights), list(weights.values()))[0]
