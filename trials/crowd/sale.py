"""The sale: its size and pace, and what its callers share."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import msgspec

SEEN_MAX = 50
PAID_SEEN_MAX = 500

Booking = dict[str, Any]
"""A booking as its customer last received it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a sale.

    `flights` is the number on sale at any time; `seats` are the fewest and the most of one. `cards` are the
    payment methods of a gateway's customers, empty without a gateway. Each caller takes so many `turns`, or
    turns until the end. New flights are of these `carriers` in turn; an empty one is a carrier at random.
    """

    hold_seconds: float
    think_seconds: float
    customers: int = 24
    flights: int = 6
    seats: tuple[int, int] = (8, 60)
    departs_at: str = "2035-05-02T01:30:00+05:30"
    arrives_at: str = "2035-05-02T07:30:00-04:00"
    cards: tuple[str, ...] = ()
    turns: int | None = None
    carriers: tuple[str, ...] = ("",)


class Sale:
    """A sale, until `closing` is set.

    `flights` are on sale, `cancelled` were cancelled, `departed` have departed. `bookings` and `parties` are
    the latest of all customers, and `paid` are the latest bookings that were paid.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.closing = asyncio.Event()
        self.flights: list[str] = []
        self.cancelled: list[str] = []
        self.departed: list[str] = []
        self.bookings: deque[Booking] = deque(maxlen=SEEN_MAX)
        self.paid: deque[Booking] = deque(maxlen=PAID_SEEN_MAX)
        self.parties: deque[str] = deque(maxlen=SEEN_MAX)

    def turns(self) -> Iterator[None]:
        """Yield once for each turn of a caller."""
        if self.plan.turns is not None:
            yield from repeat(None, self.plan.turns)
            return
        while not self.closing.is_set():
            yield

    async def pause(self, seconds: float) -> None:
        """Wait that long, or until the end of the sale."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()
