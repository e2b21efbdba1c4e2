"""Customers with habits: they book, pay early and late, repeat, give seats back, or abandon a booking."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Self
from uuid import uuid4

from trials.checker.calls import Call
from trials.torture.clients import Caller, Connection
from trials.torture.staff import Booking, Clerk, Operator

CUSTOMERS = 24
FLIGHTS = 6
PAID_MAX = 4
"""A customer with more paid bookings cancels one, so that flights never stay full."""


class Crowd:
    """All callers, from `open` until `closing` is set and their last command is answered.

    `cards` are the payment methods of a gateway's customers, empty without a gateway; `flights` is the number
    on sale at any time.
    """

    def __init__(
        self,
        connection: Connection,
        random: Random,
        hold_seconds: int,
        think_seconds: float,
        cards: Sequence[str] = (),
        flights: int = FLIGHTS,
    ) -> None:
        self.closing = asyncio.Event()
        self.flights: list[str] = []
        self.cancelled: list[str] = []
        self.think_seconds = think_seconds
        self.hold_seconds = hold_seconds
        self.cards = cards
        self._on_sale = flights
        self._operator = Operator(
            connection.caller("operator-olga", "operator"), self, Random(random.random())
        )
        self.clerk = Clerk(connection.caller("clerk-clara", "operator"), self, Random(random.random()))
        names = [f"customer-{number:02}" for number in range(CUSTOMERS)]
        self._customers = [
            Customer(connection.caller(name, "client"), self, Random(random.random())) for name in names
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        for _ in range(self._on_sale):
            await self._operator.schedule()
        staff = self._operator.live(), self.clerk.live()
        lives = [*staff, *(customer.live() for customer in self._customers)]
        self._tasks = [asyncio.create_task(life) for life in lives]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self, seconds: float) -> int:
        """Let callers start nothing new; return how many still wait for an answer after so many seconds."""
        self.closing.set()
        done, waiting = await asyncio.wait(self._tasks, timeout=seconds)
        for task in done:
            task.result()
        return len(waiting)

    async def pause(self, seconds: float) -> None:
        """Wait that long, or until the crowd closes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), max(seconds, 0))

    async def think(self, random: Random) -> None:
        await asyncio.sleep(random.expovariate(1 / self.think_seconds))


class Customer:
    """Books seats, then pays or does not."""

    def __init__(self, caller: Caller, crowd: Crowd, random: Random) -> None:
        self._caller = caller
        self._crowd = crowd
        self._random = random
        self._paid: list[Booking] = []
        self._habits: list[tuple[Callable[[Booking], Awaitable[object]], int]] = [
            (self._pay, 40),
            (self._pay_late, 8),
            (self._pay_at_the_last_moment, 8),
            (self._pay_wrongly, 3),
            (self._pay_twice, 6),
            (self._pay_several_times_at_once, 5),
            (self._cancel, 8),
            (self._pay_and_cancel_at_once, 5),
            (self._authorise, 30),
            (self._authorise_and_cancel_at_once, 5),
            (self._give_seats_back, 6),
            (self._give_back_and_pay_at_once, 5),
            (self._abandon, 10),
        ]

    async def live(self) -> None:
        while not self._crowd.closing.is_set():
            await self._book_and_act()
            await self._crowd.think(self._random)

    async def _book_and_act(self) -> None:
        flights = self._crowd.flights
        if self._crowd.cancelled and self._random.random() < 0.02:
            flights = self._crowd.cancelled
        flight = self._random.choice(flights)
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
        if self._paid and self._random.random() < 0.1:
            await self._give_seats_back(self._random.choice(self._paid))
        if len(self._paid) > PAID_MAX:
            await self._cancel(self._paid.pop(self._random.randrange(len(self._paid))))

    async def _book(self, flight: str) -> Booking | None:
        body = {"flight_id": flight, "user_id": self._caller.who, "seats": self._random.randint(1, 4)}
        key = str(uuid4())
        call = await self._caller.command("initiate_booking", "/bookings", body, key)
        if self._random.random() < 0.03:
            # The same key with another body: refused, and not recorded.
            await self._caller.command("initiate_booking", "/bookings", {**body, "seats": 9}, key)
        return json.loads(call.text) if call.status == 201 else None

    async def _pay(
        self, booking: Booking, key: str | None = None, short: int = 0, capture: str = "automatic"
    ) -> Call:
        cost = {**booking["total_cost"], "amount": booking["total_cost"]["amount"] - short}
        body = {"booking_id": booking["id"], "user_id": self._caller.who, "total_cost": cost}
        if capture != "automatic":
            body["capture"] = capture
        key = key or str(uuid4())
        if self._crowd.cards:
            # A repeat of the key must name the same card.
            body["payment_method"] = Random(key).choice(self._crowd.cards)
        call = await self._caller.command("pay_booking", "/bookings/payments", body, key)
        if call.status == 201 and all(paid["id"] != booking["id"] for paid in self._paid):
            self._paid.append(booking)
        return call

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

    async def _authorise(self, booking: Booking) -> None:
        """Authorise only. The clerk does the rest, and not every customer waits for it."""
        call = await self._pay(booking, capture="manual")
        if call.status != 201:
            return
        if self._random.random() < 0.2:
            await self._pay(booking)
        if self._random.random() < 0.1:
            await self._give_seats_back(booking)
        await self._crowd.clerk.serve(json.loads(call.text)["booking"])
        if self._random.random() < 0.4:
            await self._pay(booking, capture=self._random.choice(["automatic", "manual"]))

    async def _authorise_and_cancel_at_once(self, booking: Booking) -> None:
        """Cancel before the capture: the money arrives for a cancelled booking."""
        call = await self._pay(booking, capture="manual")
        if call.status == 201:
            capture = self._crowd.clerk.capture(json.loads(call.text)["booking"])
            await asyncio.gather(capture, self._cancel(booking))

    async def _give_seats_back(self, booking: Booking) -> None:
        """Give back some seats, or all, which is refused."""
        seats = {"seats": self._random.randint(1, booking["seats"])}
        call = await self._caller.command("reduce_seats", f"/bookings/{booking['id']}/seats", seats)
        if call.status == 200:
            booking.update(json.loads(call.text))
        if booking["status"] == "initiated" and self._random.random() < 0.7:
            await self._pay(booking)

    async def _give_back_and_pay_at_once(self, booking: Booking) -> None:
        await asyncio.gather(self._pay(booking), self._give_seats_back(booking))

    async def _abandon(self, booking: Booking) -> None:
        """Leave the booking to expire."""
