"""The staff: an operator for flights, and a clerk for money, sometimes late or twice at once."""

import asyncio
import json
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from string import ascii_uppercase
from typing import Any
from uuid import UUID

from trials.checker.calls import Call
from trials.crowd.caller import Caller
from trials.crowd.habits import Habits, act
from trials.crowd.sale import Booking, Sale

REFUNDS_AT_ONCE = 10
_TIMES = ("departs_at", "arrives_at")
_SHIFTS = (-3000, -90, -20, -0.05, 0, 0.1, 0.3, 45, 90, 600, 1440)
"""Minutes by which new times of a flight differ from those planned."""


class Operator:
    """Schedules flights, changes prices and seats during their sale, and now and then cancels one."""

    def __init__(self, caller: Caller, sale: Sale, random: Random) -> None:
        self._caller = caller
        self._sale = sale
        self._random = random
        self._numbers: list[str] = []
        self._days = 0
        """New flights leave so many days later than planned, because the planned time is over."""
        self._carriers = cycle(sale.plan.carriers)
        self._habits: Habits[str] = {
            (self._reprice,): 40,
            (self._change_policy,): 20,
            (self._change_seats,): 40,
            (self._cancel,): 7,
            (self._cancel, self._cancel): 3,
            (self._overbook,): 20,
            (self._retime,): 14,
            (self._retime, self._retime): 3,
            (self._move_some,): 14,
            (self._move_all,): 6,
            (self._depart,): 8,
            (self._depart, self._depart): 1,
            (self._close_the_books,): 25,
            (self._change_a_cancelled_flight,): 6,
            (self._schedule_again,): 4,
        }

    async def live(self) -> None:
        for _ in self._sale.turns():
            flight = self._random.choice(self._sale.flights)
            await act(self._habits, flight, self._random)
            await self._caller.read("flight", f"/flights/{flight}")
            await self._sale.pause(self._random.uniform(0.2, 1))

    async def schedule(self) -> bool:
        """Put another flight on sale; return whether the ledger accepts it."""
        carrier = next(self._carriers) or "".join(self._random.choices(ascii_uppercase, k=2))
        number = carrier + str(self._random.randint(1, 9999))
        self._numbers.append(number)
        call = await self._schedule(number)
        if call.status == 409 and "departure-in-past" in call.text:
            self._days += 1
            call = await self._schedule(number)
        if call.status == 201:
            self._sale.flights.append(json.loads(call.text)["id"])
        return call.status == 201

    async def _schedule_again(self, _: str) -> None:
        """Schedule a flight that is scheduled already, which is refused."""
        await self._schedule(self._random.choice(self._numbers))

    async def _schedule(self, number: str) -> Call:
        body = {
            "number": number,
            "origin": "DEL",
            "destination": "JFK",
            **self._times(timedelta(days=self._days)),
            "seats": self._random.randint(*self._sale.plan.seats),
            "price": self._price(),
        }
        if policy := self._policy():
            body["cancellation_policy"] = policy
        return await self._caller.command("schedule_flight", "/flights", body)

    async def _reprice(self, flight: str) -> None:
        await self._caller.command("reprice_flight", f"/flights/{flight}/price", {"price": self._price()})

    async def _change_policy(self, flight: str) -> None:
        body, path = {"cancellation_policy": self._policy()}, f"/flights/{flight}/cancellation-policy"
        await self._caller.command("change_cancellation_policy", path, body)

    async def _change_seats(self, flight: str) -> None:
        seats = {"seats": self._random.randint(*self._sale.plan.seats)}
        await self._caller.command("change_flight_seats", f"/flights/{flight}/seats", seats)

    async def _cancel(self, flight: str) -> None:
        """Cancel the flight. It stays on sale until the answer, then another one takes its place."""
        await self._caller.command("cancel_flight", f"/flights/{flight}/cancel", {"reason": "volcanic ash"})
        if flight not in self._sale.cancelled:
            self._sale.cancelled.append(flight)
            if await self.schedule():
                self._sale.flights.remove(flight)

    async def _change_a_cancelled_flight(self, flight: str) -> None:
        gone = self._random.choice((self._sale.cancelled + self._sale.departed) or [flight])
        await self._random.choice([self._reprice, self._change_seats])(gone)

    async def _overbook(self, flight: str) -> None:
        body = {"seats": self._random.randint(0, 6), "reason": "some never appear"}
        await self._caller.command("change_overbooking", f"/flights/{flight}/overbooking", body)

    async def _retime(self, flight: str) -> None:
        """Give the flight other times, sometimes by little, to another day, or the same times again."""
        shift = timedelta(minutes=self._random.choice(_SHIFTS))
        body = self._times(shift) | {"reason": "the crew is late"}
        await self._caller.command("retime_flight", f"/flights/{flight}/times", body)

    async def _move_some(self, flight: str) -> None:
        """Move some bookings of any state and of any flight to this one."""
        bookings = list(self._sale.bookings)
        for booking in self._random.sample(bookings, min(len(bookings), 3)):
            await self._caller.command(
                "move_booking", f"/bookings/{booking['id']}/move", {"flight_id": flight}
            )

    async def _move_all(self, flight: str) -> None:
        """Move all bookings of the flight to one or two others, sometimes to one that is closed."""
        closed = self._sale.cancelled + self._sale.departed
        others = [each for each in self._sale.flights + closed[-1:] if each != flight]
        if others:
            to = self._random.sample(others, min(len(others), self._random.randint(1, 2)))
            await self._caller.command("move_all_bookings", f"/flights/{flight}/move-all", {"to": to})

    def _times(self, shift: timedelta) -> dict[str, str]:
        """Return the planned times, moved by a duration."""
        return {
            name: (datetime.fromisoformat(getattr(self._sale.plan, name)) + shift).isoformat()
            for name in _TIMES
        }

    async def _depart(self, flight: str) -> None:
        """Record an early departure, then what became of bookings. The flight stays on sale until then."""
        await self._caller.command("depart_flight", f"/flights/{flight}/departed", {})
        if flight not in self._sale.departed:
            self._sale.departed.append(flight)
            if await self.schedule():
                self._sale.flights.remove(flight)
        await self._close_the_books(flight)

    async def _close_the_books(self, _: str) -> None:
        """Record for some bookings if the customers flew, or pay them back.

        Most are paid for, on departed flights: the latest bookings of all are rarely either.
        """
        departed = [
            each
            for each in self._sale.paid
            if each["flight_id"] in self._sale.departed and each["status"] != "cancelled"
        ]
        bookings = departed if departed and self._random.random() < 0.7 else list(self._sale.bookings)
        for booking in self._random.sample(bookings, min(len(bookings), 5)):
            operation, action, body = self._random.choice(
                [
                    ("record_flown", "flown", {}),
                    ("record_no_show", "no-show", {}),
                    ("cancel_booking", "cancel", self._stated_refund(booking)),
                    ("deny_boarding", "deny-boarding", self._denial()),
                ]
            )
            call = await self._caller.command(operation, f"/bookings/{booking['id']}/{action}", body)
            if call.status == 200 and booking in self._sale.paid:
                self._sale.paid.remove(booking)

    def _stated_refund(self, booking: Booking) -> dict[str, Any]:
        part = {"amount": self._random.randint(0, booking["total_cost"]["amount"])}
        refund = self._random.choice(["full", "none", part, None])
        return {"reason": "a missed connection"} | ({"refund": refund} if refund else {})

    def _denial(self) -> dict[str, Any]:
        compensation = {"compensation": {"amount": 25_000, "currency": "EUR"}}
        return {"reason": "the flight is full"} | (compensation if self._random.random() < 0.5 else {})

    def _price(self) -> dict[str, Any]:
        """Return a price, sometimes with the parts that add up to it."""
        amount = self._random.randint(1000, 500_000)
        price: dict[str, Any] = {"amount": amount, "currency": "INR"}
        if self._random.random() < 0.5:
            tax, fee = self._random.randint(0, amount // 3), self._random.randint(0, 99)
            price["parts"] = {"fare": amount - tax - fee, "tax:IN": tax, "fee:booking": fee}
        return price

    def _policy(self) -> dict[str, Any] | None:
        """Return a policy, often one that ends during the sale, or none."""
        if self._random.random() < 0.4:
            return None
        shares = {code: self._random.choice((0, 33, 50, 100)) for code in ("fare", "tax:*", "fee:booking")}
        policy: dict[str, Any] = {"percentages": shares}
        if self._sale.bookings and self._random.random() < 0.7:
            # The end of a hold is a time of the ledger's own clock.
            near = datetime.fromisoformat(self._sale.bookings[-1]["expires_at"])
            until = near + timedelta(seconds=self._random.uniform(-5, 20))
            policy |= {"refundable_until": until.isoformat(), "percentages_after": {"tax:*": 100}}
        return policy


class Clerk:
    """Captures or voids authorised payments, and pays refunds out."""

    def __init__(self, caller: Caller, sale: Sale, random: Random) -> None:
        self._caller = caller
        self._sale = sale
        self._random = random
        self._habits: Habits[Booking] = {
            (self.capture,): 40,
            (self._capture_late,): 20,
            (self._capture_at_the_last_moment,): 8,
            (self._capture_twice, self.capture): 6,
            (self._capture_and_void,): 10,
            (self._void,): 12,
            (self._abandon,): 8,
        }

    async def live(self) -> None:
        for _ in self._sale.turns():
            await self._pay_back()
            await self._sale.pause(self._random.uniform(0.1, 0.5))

    async def serve(self, booking: Booking) -> None:
        """Deal with a pending payment; `booking` is the authorisation's answer."""
        await act(self._habits, booking, self._random)

    async def serve_itinerary(self, itinerary: Booking) -> None:
        """Capture or void the pending payment of an itinerary, in time or late, or leave it to lapse."""
        path, body = f"/itineraries/{itinerary['id']}", {"reason": "the bank said no"}
        turn = self._random.random()
        if turn < 0.35:
            late = self._random.choice((self._random.uniform(0.05, 2), self._random.uniform(-0.05, 0.01)))
            await self._sale.pause(_capture_window(itinerary) + late)
        if turn < 0.7:
            await self._caller.command("capture_itinerary", f"{path}/capture", {})
        if 0.6 < turn < 0.9:
            await self._caller.command("void_itinerary", f"{path}/void", body)

    async def capture(self, booking: Booking, key: str | None = None) -> None:
        await self._caller.command("capture_payment", f"/bookings/{booking['id']}/capture", {}, key)

    async def _capture_late(self, booking: Booking) -> None:
        """Capture after the end, sometimes when the seats are sold to another customer."""
        await self._sale.pause(_capture_window(booking) + self._random.uniform(0.05, 2))
        await self.capture(booking)
        if self._random.random() < 0.2:
            await self.capture(booking)

    async def _capture_at_the_last_moment(self, booking: Booking) -> None:
        await self._sale.pause(_capture_window(booking) + self._random.uniform(-0.05, 0.01))
        await self.capture(booking)

    async def _capture_twice(self, booking: Booking) -> None:
        key = self._caller.new_key()
        await asyncio.gather(self.capture(booking, key), self.capture(booking, key))

    async def _capture_and_void(self, booking: Booking) -> None:
        if self._random.random() < 0.3:
            await self._sale.pause(_capture_window(booking))
        await asyncio.gather(self.capture(booking), self._void(booking))

    async def _void(self, booking: Booking) -> None:
        reason = {"reason": "the bank said no"}
        await self._caller.command("void_payment", f"/bookings/{booking['id']}/void", reason)

    async def _abandon(self, booking: Booking) -> None:
        """Leave the payment to lapse."""

    async def _pay_back(self) -> None:
        """Settle some due refunds in any order, a few of them twice at once, and one that does not exist."""
        page = await self._caller.read("refunds", "/refunds?status=due&limit=30")
        due = page["data"] if page else []
        some = [refund["id"] for refund in self._random.sample(due, min(len(due), REFUNDS_AT_ONCE))]
        again = [refund for refund in some if self._random.random() < 0.2]
        unknown = [str(UUID(int=self._random.getrandbits(128)))] if self._random.random() < 0.02 else []
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
