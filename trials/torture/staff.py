"""The staff: an operator for flights, and a clerk for money who is late, or does two things at once."""

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


class Airline(Protocol):
    """What the staff shares with the customers; `flights` are on sale, `gone` were cancelled."""

    closing: asyncio.Event
    flights: list[str]
    gone: list[str]

    async def pause(self, seconds: float) -> None: ...


class Operator:
    """Schedules flights, changes prices and seats while they are being sold, and now and then cancels one."""

    def __init__(self, caller: Caller, airline: Airline, random: Random) -> None:
        self._caller = caller
        self._airline = airline
        self._random = random
        self._number = 0
        self._habits: list[tuple[Callable[[str], Awaitable[object]], int]] = [
            (self._reprice, 42),
            (self._change_seats, 42),
            (self._cancel, 7),
            (self._cancel_twice_at_once, 3),
            (self._meddle_with_what_is_gone, 6),
        ]

    async def live(self) -> None:
        ways, weights = zip(*self._habits, strict=True)
        while not self._airline.closing.is_set():
            flight = self._random.choice(self._airline.flights)
            await self._random.choices(ways, weights)[0](flight)
            await self._caller.read("flight", f"/flights/{flight}")
            await self._airline.pause(self._random.uniform(0.2, 1))

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
        self._airline.flights.append(json.loads(call.text)["id"])

    async def _reprice(self, flight: str) -> None:
        await self._caller.command("reprice_flight", f"/flights/{flight}/price", {"price": self._price()})

    async def _change_seats(self, flight: str) -> None:
        seats = {"seats": self._random.randint(*SEATS)}
        await self._caller.command("change_flight_seats", f"/flights/{flight}/seats", seats)

    async def _cancel(self, flight: str) -> None:
        """It is on sale until the ledger has said so, and another one takes its place."""
        await self._caller.command("cancel_flight", f"/flights/{flight}/cancel", {"reason": "volcanic ash"})
        if flight in self._airline.flights:
            self._airline.flights.remove(flight)
            self._airline.gone.append(flight)
            await self.schedule()

    async def _cancel_twice_at_once(self, flight: str) -> None:
        await asyncio.gather(self._cancel(flight), self._cancel(flight))

    async def _meddle_with_what_is_gone(self, flight: str) -> None:
        gone = self._random.choice(self._airline.gone or [flight])
        await self._random.choice([self._reprice, self._change_seats])(gone)

    def _price(self) -> dict[str, Any]:
        return {"amount": self._random.randint(1000, 500_000), "currency": "INR"}


class Clerk:
    """Captures what customers authorised, or lets it go; and pays refunds out."""

    def __init__(self, caller: Caller, airline: Airline, random: Random) -> None:
        self._caller = caller
        self._airline = airline
        self._random = random
        self._habits: list[tuple[Callable[[Booking], Awaitable[object]], int]] = [
            (self.capture, 40),
            (self._capture_late, 20),
            (self._capture_at_the_last_moment, 8),
            (self._capture_twice_at_once, 6),
            (self._capture_and_void_at_once, 10),
            (self._void, 12),
            (self._forget, 8),
        ]

    async def live(self) -> None:
        while not self._airline.closing.is_set():
            await self._pay_back()
            await self._airline.pause(self._random.uniform(0.1, 0.5))

    async def serve(self, booking: Booking) -> None:
        """Deals with a payment that waits; `booking` as the authorisation was answered."""
        ways, weights = zip(*self._habits, strict=True)
        await self._random.choices(ways, weights)[0](booking)

    async def capture(self, booking: Booking, key: str | None = None) -> None:
        await self._caller.command("capture_payment", f"/bookings/{booking['id']}/capture", {}, key)

    async def _capture_late(self, booking: Booking) -> None:
        """After its end; sometimes so late that the seats are somebody else's."""
        await self._airline.pause(_waits(booking) + self._random.uniform(0.05, 2))
        await self.capture(booking)
        if self._random.random() < 0.2:
            await self.capture(booking)

    async def _capture_at_the_last_moment(self, booking: Booking) -> None:
        await self._airline.pause(_waits(booking) + self._random.uniform(-0.05, 0.01))
        await self.capture(booking)

    async def _capture_twice_at_once(self, booking: Booking) -> None:
        key = str(uuid4())
        await asyncio.gather(self.capture(booking, key), self.capture(booking, key), self.capture(booking))

    async def _capture_and_void_at_once(self, booking: Booking) -> None:
        if self._random.random() < 0.3:
            await self._airline.pause(_waits(booking))
        await asyncio.gather(self.capture(booking), self._void(booking))

    async def _void(self, booking: Booking) -> None:
        reason = {"reason": "the bank said no"}
        await self._caller.command("void_payment", f"/bookings/{booking['id']}/void", reason)

    async def _forget(self, booking: Booking) -> None:
        """Leaves the payment to the clock."""

    async def _pay_back(self) -> None:
        """Some of what is due: in any order, a few of them twice at once, and one that never was due."""
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


def _waits(booking: Booking) -> float:
    """For how many seconds a payment just authorised may wait, by the ledger's clock alone."""
    ends = datetime.fromisoformat(booking["payment"]["capture_before"])
    return (ends - datetime.fromisoformat(booking["updated_at"])).total_seconds()
