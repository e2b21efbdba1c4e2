"""Habits: what a caller does with a flight or a booking, and how often."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

T = TypeVar("T")

Act = Callable[[T], Awaitable[object]]

Habits = dict[tuple[Act[T], ...], int]
"""One act or several at once, with the weight of the habit."""


async def act(habits: Habits[T], subject: T, random: Random) -> None:
    """Do what one of the habits says, drawn by weight."""
    (acts,) = random.choices(list(habits), list(habits.values()))
    await asyncio.gather(*(each(subject) for each in acts))
