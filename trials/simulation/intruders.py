"""Callers beside the crowd: a sweeper of holds, and a client that sends poison."""

import asyncio
from functools import partial
from uuid import UUID

from domain.caller import SYSTEM
from ledger.system_commands import expiry_of
from projections.due_work import DueHold
from trials.checker.calls import Call
from trials.crowd.caller import ATTEMPTS_OF_THE_CARELESS, Caller
from trials.crowd.sale import Sale
from trials.simulation.world import World

POISON_SECONDS = 8.0
"""The mean time between two poisonous commands."""


class Sweeper:
    """Sends expiries too early, late, twice, and for paid bookings. The ledger must refuse the wrong ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._caller = Caller(world.send, SYSTEM.subject, "operator", world.random)

    async def live(self, pause: float) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / pause))
            bookings = list(self._world.database.bookings)
            chosen = self._random.sample(bookings[-12:], min(len(bookings), self._random.randint(0, 3)))
            await asyncio.gather(*(self._sweep(booking_id) for booking_id in chosen))

    async def _sweep(self, booking_id: UUID) -> None:
        held_until = self._world.database.bookings[booking_id][9]
        # Column 9 of the projection's row. The key is the one that the ledger itself uses.
        call = Call(
            who=SYSTEM.subject,
            role="operator",
            operation="expire_hold",
            path=f"/bookings/{booking_id}/expire",
            key=expiry_of(DueHold(held_until, booking_id)).key,
            body="{}",
        )
        await self._caller.settle(call, ATTEMPTS_OF_THE_CARELESS)


class Poisoner:
    """Sends commands that the database always refuses, beside good ones that must not suffer."""

    def __init__(self, world: World, sale: Sale) -> None:
        self._random = world.random
        self._sale = sale
        self._good = Caller(world.send, "paul", "client", world.random)
        self._poisonous = Caller(partial(world.send, poison=True), "lucrezia", "client", world.random)

    async def live(self) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / POISON_SECONDS))
            if self._sale.flights:
                await asyncio.gather(*map(self._book, (self._good, self._poisonous)))

    async def _book(self, caller: Caller) -> None:
        body = {"flight_id": self._random.choice(self._sale.flights), "user_id": caller.who, "seats": 1}
        await caller.command("initiate_booking", "/bookings", body)
