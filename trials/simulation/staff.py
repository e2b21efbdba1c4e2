"""The staff: an operator for flights, and a sweeper for holds."""

import asyncio
from datetime import timedelta
from itertools import count
from uuid import UUID

from domain.caller import SYSTEM, Caller, Role
from domain.commands import (
    CancelFlight,
    ChangeFlightSeats,
    Command,
    Price,
    RepriceFlight,
    ScheduleFlight,
    SettleRefund,
)
from ledger.submission import Answer
from ledger.system_commands import expiry_of
from projections.due_work import DueHold
from trials.simulation.database import EPOCH
from trials.simulation.world import World

OPERATOR = Caller("operator", frozenset({Role.OPERATOR}))


class Operator:
    """Schedules the flights, and later changes their prices and seats during the sale."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._keys = count(1)
        self.flights: list[UUID] = []

    async def open(self, flights: int) -> None:
        for number in range(1, flights + 1):
            answer = await self._settle(self._flight(number))
            if answer is not None and answer.subject_id is not None:
                self.flights.append(answer.subject_id)

    async def live(self, commands: int, pause: float) -> None:
        for _ in range(commands):
            await self._world.pause(pause)
            flight_id = self._random.choice(self.flights)
            price = Price(self._random.randint(1, 3) * 100, "INR")
            choices: list[Command] = [
                RepriceFlight(flight_id, price),
                ChangeFlightSeats(flight_id, self._random.randint(1, 8)),
                ChangeFlightSeats(flight_id, self._random.randint(1, 8)),
                self._flight(self._random.randint(1, len(self.flights))),
                *self._settlements(),
            ]
            command = self._random.choice(choices)
            if self._random.random() < 0.05:
                command = CancelFlight(flight_id, "fog")
            await self._settle(command)

    def _settlements(self) -> list[SettleRefund]:
        """Return settlements of up to two refunds, due or not."""
        refunds = list(self._world.database.refunds)
        return [SettleRefund(id) for id in self._random.sample(refunds, min(2, len(refunds)))]

    async def _settle(self, command: Command) -> Answer | None:
        call = self._world.call(command, OPERATOR, f"operator-{next(self._keys)}")
        return await self._world.settle(call)

    def _flight(self, number: int) -> ScheduleFlight:
        # Far enough away for most jumps of the clock, but not for all.
        departs = EPOCH + timedelta(hours=6)
        seats = self._random.randint(1, 6)
        arrives = departs + timedelta(hours=8)
        return ScheduleFlight(f"BA{number}", "LHR", "JFK", departs, arrives, seats, Price(100, "INR"))


class Sweeper:
    """Sends expiries too early, late, twice, and for paid bookings. The ledger must refuse the wrong ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random

    async def live(self, pause: float) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / pause))
            bookings = list(self._world.database.bookings)
            chosen = self._random.sample(bookings[-12:], min(len(bookings), self._random.randint(0, 3)))
            await asyncio.gather(*(self._sweep(booking_id) for booking_id in chosen))

    async def _sweep(self, booking_id: UUID) -> None:
        held_until = self._world.database.bookings[booking_id][9]
        # Column 9 of the projection's row. The key is the one that the ledger itself uses.
        expiry = expiry_of(DueHold(held_until, booking_id))
        call = self._world.call(expiry.command, SYSTEM, expiry.key)
        await self._world.settle(call, attempts_max=2)
