"""The staff: an operator for flights, and a clerk for money, sometimes late or twice at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Any, Protocol
from uuid import uuid4

from trials.checker.calls import Call
from trials.torture.clients import Caller

SEATS = (8, 60)
REFUNDS_AT_ONCE = 10

Booking = dict[str, Any]


class SharedState(Protocol):
    """The state that staff and customers share: `flights` are on sale, `cancelled` were cancelled."""

    closing: asyncio.Event
    flights: list[str]
    cancelled: list[str]

    async def pause(self, seconds: float) -> None: ...


class Operator:
    """Schedules flights, changes prices and seats during their sale, and now and then cancels one."""

    def __init__(self, caller: Caller, shared: SharedState, random: Random) -> None:
        self._caller = caller
        self._shared = shared
        self._random = random
        self._number = 0
        self._habits: list[tuple[Callable[[str], Awaitable[object]], int]] = [
            (self._reprice, 42),
            (self._change_seats, 42),
            (self._cancel, 7),
            (self._cancel_twice_at_once, 3),
            (self._change_a_cancelled_flight, 6),
        ]

    async def live(self) -> None:
        ways, weights = zip(*self._habits, strict=True)
        while not self._shared.closing.is_set():
            flight = self._random.choice(self._shared.flights)
            await self._random.choices(ways, weights)[0](flight)
            await self._caller.read("flight", f"/flights/{flight}")
            await self._shared.pause(self._random.uniform(0.2, 1))

    async def schedule(self) -> None:
        self._number += 1
        body = {
            "number": f"ZZ{self._number}",
            "origin": "DEL",
            "destination": "JFK",
            "departs_at": "2035-05-02T01:30:00+05:30",
            "arrives_at": "2035-05-02T07:30:00-04:00",
            "seats": self._random.randint(*SEATS),
            "price": self._price(),
        }
        call = await self._caller.command("schedule_flight", "/flights", body)
        self._shared.flights.append(json.loads(call.text)["id"])

    async def _reprice(self, flight: str) -> None:
        await self._caller.command("reprice_flight", f"/flights/{flight}/price", {"price": self._price()})

    async def _change_seats(self, flight: str) -> None:
        seats = {"seats": self._random.randint(*SEATS)}
        await self._caller.command("change_flight_seats", f"/flights/{flight}/seats", seats)

    async def _cancel(self, flight: str) -> None:
        """Cancel the flight. It stays on sale until the answer, then another one takes its place."""
        await self._caller.command("cancel_flight", f"/flights/{flight}/cancel", {"reason": "volcanic ash"})
        if flight in self._shared.flights:
            self._shared.flights.remove(flight)
            self._shared.cancelled.append(flight)
            await self.schedule()

    async def _cancel_twice_at_once(self, flight: str) -> None:
        await asyncio.gather(self._cancel(flight), self._cancel(flight))

    async def _change_a_cancelled_flight(self, flight: str) -> None:
        cancelled = self._random.choice(self._shared.cancelled or [flight])
        await self._random.choice([self._reprice, self._change_seats])(cancelled)

    def _price(self) -> dict[str, Any]:
        return {"amount": self._random.randint(1000, 500_000), "currency": "INR"}


class Clerk:
    """Captures or voids authorised payments, and pays refunds out."""

    def __init__(self, caller: Caller, shared: SharedState, random: Random) -> None:
        self._caller = caller
        self._shared = shared
        self._random = random
        self._habits: list[tuple[Callable[[Booking], Awaitable[object]], int]] = [
            (self.capture, 40),
            (self._capture_late, 20),
            (self._capture_at_the_last_moment, 8),
            (self._capture_twice_at_once, 6),
            (self._capture_and_void_at_once, 10),
            (self._void, 12),
            (self._abandon, 8),
        ]

    async def live(self) -> None:
        while not self._shared.closing.is_set():
            await self._pay_back()
            await self._shared.pause(self._random.uniform(0.1, 0.5))

    async def serve(self, booking: Booking) -> None:
        """Deal with a pending payment; `booking` is the authorisation's answer."""
        ways, weights = zip(*self._habits, strict=True)
        await self._random.choices(ways, weights)[0](booking)

    async def capture(self, booking: Booking, key: str | None = None) -> None:
        await self._caller.command("capture_payment", f"/bookings/{booking['id']}/capture", {}, key)

    async def _capture_late(self, booking: Booking) -> None:
        """Capture after the end, sometimes when the seats are sold to another customer."""
        await self._shared.pause(_capture_window(booking) + self._random.uniform(0.05, 2))
        await self.capture(booking)
        if self._random.random() < 0.2:
            await self.capture(booking)

    async def _capture_at_the_last_moment(self, booking: Booking) -> None:
        await self._shared.pause(_capture_window(booking) + self._random.uniform(-0.05, 0.01))
        await self.capture(booking)

    async def _capture_twice_at_once(self, booking: Booking) -> None:
        key = str(uuid4())
        await asyncio.gather(self.capture(booking, key), self.capture(booking, key), self.capture(booking))

    async def _capture_and_void_at_once(self, booking: Booking) -> None:
        if self._random.random() < 0.3:
            await self._shared.pause(_capture_window(booking))
        await asyncio.gather(self.capture(booking), self._void(booking))

    async def _void(self, booking: Booking) -> None:
        reason = {"reason": "the bank said no"}
        await self._caller.command("void_payment", f"/bookings/{booking['id']}/void", reason)

    async def _abandon(self, booking: Booking) -> None:
        """Leave the payment to lapse."""

    async def _pay_back(self) -> None:
        """Settle some due refunds in any order, a few of them twice at once, and one that does not exist."""
        call = await self._caller.read("refunds", "/refunds?status=due&limit=30")
        due = json.loads(call.text)["data"] if call.status == 200 else []
        some = [refund["id"] for refund in self._random.sample(due, min(len(due), REFUNDS_AT_ONCE))]
        again = [refund for refund in some if self._random.random() < 0.2]
        unknown = [str(uuid4())] if self._random.random() < 0.02 else []
        await asyncio.gather(*(self._settle(refund) for refund in some + again + unknown))

    async def _settle(self, refund: str) -> Call:
        body = (
            {"reference": f"transfer {self._random.randint(1, 999)}"} if self._random.random() < 0.5 else {}
        )
        return await self._caller.command("settle_refund", f"/refunds/{refund}/settle", body)


def _capture_window(booking: Booking) -> float:
    """Return how many seconds a new authorisation may wait, by the ledger's clock alone."""
    ends = datetime.fromisoformat(booking["payment"]["capture_before"])
    return (ends - datetime.fromisoformat(booking["updated_at"])).total_seconds()
