"""Customers and an operator, each with habits: what they ask for, pay late, repeat and forget."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Self
from uuid import uuid4

from faults.clients import Caller, Line

CUSTOMERS = 24
FLIGHTS = 6
SEATS = (8, 60)
PAID_MAX = 4
"""Beyond that a customer gives one back, so that flights never stay full."""

Booking = dict[str, Any]


class Crowd:
    """Everybody who calls, from `open` until `closing` is set and their last command is answered."""

    def __init__(self, line: Line, random: Random, hold_seconds: int, think_seconds: float) -> None:
        self.closing = asyncio.Event()
        self.flights: list[str] = []
        self.think_seconds = think_seconds
        self.hold_seconds = hold_seconds
        self._operator = Operator(line.caller("operator-olga", "operator"), self, Random(random.random()))
        names = [f"customer-{number:02}" for number in range(CUSTOMERS)]
        self._customers = [
            Customer(line.caller(name, "client"), self, Random(random.random())) for name in names
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        for _ in range(FLIGHTS):
            await self._operator.schedule()
        lives = [self._operator.live(), *(customer.live() for customer in self._customers)]
        self._tasks = [asyncio.create_task(life) for life in lives]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self, seconds: float) -> int:
        """Start nothing new; the number of callers who still wait for an answer after so many seconds."""
        self.closing.set()
        done, waiting = await asyncio.wait(self._tasks, timeout=seconds)
        for task in done:
            task.result()
        return len(waiting)

    async def think(self, random: Random) -> None:
        await asyncio.sleep(random.expovariate(1 / self.think_seconds))


class Customer:
    """Books, and then pays, or not."""

    def __init__(self, caller: Caller, crowd: Crowd, random: Random) -> None:
        self._caller = caller
        self._crowd = crowd
        self._random = random
        self._paid: list[Booking] = []
        self._habits: list[tuple[Callable[[Booking], Awaitable[object]], int]] = [
            (self._pay, 50),
            (self._pay_late, 10),
            (self._pay_at_the_last_moment, 8),
            (self._pay_wrongly, 4),
            (self._pay_twice, 8),
            (self._pay_several_times_at_once, 5),
            (self._cancel, 10),
            (self._pay_and_cancel_at_once, 5),
            (self._forget, 12),
        ]

    async def live(self) -> None:
        while not self._crowd.closing.is_set():
            await self._errand()
            await self._crowd.think(self._random)

    async def _errand(self) -> None:
        flight = self._random.choice(self._crowd.flights)
        if self._random.random() < 0.3:
            await self._caller.read("availability", f"/flights/{flight}/availability")
        booking = await self._book(flight)
        if booking is None:
            return
        if self._random.random() < 0.3:
            await self._caller.read("booking", f"/bookings/{booking['id']}")
        ways, weights = zip(*self._habits, strict=True)
        await self._random.choices(ways, weights)[0](booking)
        if self._random.random() < 0.2:
            await self._caller.read("booking", f"/bookings/{booking['id']}")
        if self._random.random() < 0.05:
            await self._caller.read("bookings", f"/bookings?user_id={self._caller.who}&limit=50")
        if len(self._paid) > PAID_MAX:
            await self._cancel(self._paid.pop(self._random.randrange(len(self._paid))))

    async def _book(self, flight: str) -> Booking | None:
        body = {"flight_id": flight, "user_id": self._caller.who, "seats": self._random.randint(1, 4)}
        key = str(uuid4())
        call = await self._caller.command("initiate_booking", "/bookings", body, key)
        if self._random.random() < 0.03:
            # The same key for something else: refused, and without a trace.
            await self._caller.command("initiate_booking", "/bookings", {**body, "seats": 9}, key)
        return json.loads(call.text) if call.status == 201 else None

    async def _pay(self, booking: Booking, key: str | None = None, short: int = 0) -> None:
        cost = {**booking["total_cost"], "amount": booking["total_cost"]["amount"] - short}
        body = {"booking_id": booking["id"], "user_id": self._caller.who, "total_cost": cost}
        call = await self._caller.command("pay_booking", "/bookings/payments", body, key)
        if call.status == 201 and all(paid["id"] != booking["id"] for paid in self._paid):
            self._paid.append(booking)

    async def _pay_late(self, booking: Booking) -> None:
        await asyncio.sleep(self._crowd.hold_seconds + 0.1)
        await self._pay(booking)

    async def _pay_at_the_last_moment(self, booking: Booking) -> None:
        await asyncio.sleep(max(self._crowd.hold_seconds + self._random.uniform(-0.05, 0.01), 0))
        await self._pay(booking)

    async def _pay_wrongly(self, booking: Booking) -> None:
        await self._pay(booking, short=1)

    async def _pay_twice(self, booking: Booking) -> None:
        key = str(uuid4())
        await self._pay(booking, key)
        await self._pay(booking, key)

    async def _pay_several_times_at_once(self, booking: Booking) -> None:
        key = str(uuid4())
        await asyncio.gather(*(self._pay(booking, key) for _ in range(3)), self._pay(booking))

    async def _cancel(self, booking: Booking) -> None:
        path = f"/bookings/{booking['id']}/cancel"
        await self._caller.command("cancel_booking", path, {"reason": "change of plans"})

    async def _pay_and_cancel_at_once(self, booking: Booking) -> None:
        await asyncio.gather(self._pay(booking), self._cancel(booking))

    async def _forget(self, booking: Booking) -> None:
        """Leaves the seats to the clock."""


class Operator:
    """Schedules flights, and changes prices and seats while they are being sold."""

    def __init__(self, caller: Caller, crowd: Crowd, random: Random) -> None:
        self._caller = caller
        self._crowd = crowd
        self._random = random
        self._number = 0

    async def schedule(self) -> None:
        self._number += 1
        body = {
            "number": f"ZZ{self._number}",
            "origin": "DEL",
            "destination": "JFK",
            "departs_at": "2035-05-02T01:30:00+05:30",
            "arrives_at": "2035-05-02T07:30:00-04:00",
            "seats": self._random.randint(*SEATS),
            "price": {"amount": self._random.randint(1000, 500_000), "currency": "INR"},
        }
        call = await self._caller.command("schedule_flight", "/flights", body)
        self._crowd.flights.append(json.loads(call.text)["id"])

    async def live(self) -> None:
        while not self._crowd.closing.is_set():
            flight = self._random.choice(self._crowd.flights)
            if self._random.random() < 0.5:
                price = {"amount": self._random.randint(1000, 500_000), "currency": "INR"}
                path, body = f"/flights/{flight}/price", {"price": price}
                await self._caller.command("reprice_flight", path, body)
            else:
                path = f"/flights/{flight}/seats"
                await self._caller.command(
                    "change_flight_seats", path, {"seats": self._random.randint(*SEATS)}
                )
            await self._caller.read("flight", f"/flights/{flight}")
            await asyncio.sleep(self._random.uniform(0.2, 1))
