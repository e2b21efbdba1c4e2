"""Customers with habits: they book, pay early and late, repeat, cancel, give seats back, wait or abandon."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from trials.checker.calls import Call
from trials.crowd.caller import Caller
from trials.crowd.habits import Habits, act
from trials.crowd.payers import Payer
from trials.crowd.sale import Booking, Sale
from trials.crowd.staff import Clerk
from trials.crowd.travellers import Traveller

PARTIES = (1, 1, 1, 2, 2, 3, 4, 9)
PAID = ("pending", "booked")
PAID_MAX = 3
"""A customer with more paid bookings cancels one, so that flights never stay full."""

KEPT = 4
"""The latest bookings that a customer returns to, apart from paid ones."""

STRANGER = "mallory"


class Customer(Payer):
    """Books seats, then pays or does not."""

    BOUGHT = "booking"
    PATH = "/bookings"

    def __init__(self, caller: Caller, sale: Sale, clerk: Clerk, random: Random) -> None:
        super().__init__(caller, sale, clerk, random)
        self._traveller = Traveller(caller, sale, clerk, random)
        self._bookings: list[Booking] = []
        self._waits: list[str] = []
        self._turns: dict[Callable[[], Awaitable[object]], int] = {
            self._buy: 60,
            self._return_to_a_booking: 30,
            self._book_several_at_once: 5,
            self._travel: 24,
            self._take_offers: 10,
            self._leave_a_waiting_list: 2,
            self._caller.repeat_earlier: 5,
            self._caller.twist_earlier: 3,
        }
        self._habits: Habits[Booking] = {
            (self._pay,): 40,
            (self._pay_at_the_end,): 16,
            (self._pay_wrongly,): 3,
            (self._pay_several_times,): 11,
            (self._cancel,): 8,
            (self._pay, self._cancel): 5,
            (self._authorise,): 30,
            (self._authorise_and_cancel,): 5,
            (self._give_seats_back,): 12,
            (self._pay_and_give_seats_back,): 20,
            (self._pay, self._give_seats_back): 5,
            (self._accept_change,): 6,
            (self._name,): 8,
            (self._split,): 16,
            (self._pay, self._split): 26,
            (self._pay, self._accept_change): 8,
            (self._abandon,): 10,
        }

    async def live(self) -> None:
        for _ in self._sale.turns():
            (turn,) = self._random.choices(list(self._turns), list(self._turns.values()))
            await turn()
            await self._tidy_up()
            await self._sale.pause(self._random.expovariate(1 / self._sale.plan.think_seconds))
        await asyncio.gather(*map(self._leave, self._waits))

    async def _buy(self) -> None:
        flight = self._some_flight()
        await self._sometimes_read(0.3, "availability", f"/flights/{flight}/availability")
        if booking := await self._book(flight):
            await self._sometimes_read(0.3, "booking", f"/bookings/{booking['id']}")
            await self._find(booking["reference"])
            await self._act_on(booking)
            await self._sometimes_read(0.2, "booking", f"/bookings/{booking['id']}")
            await self._sometimes_read(0.05, "bookings", f"/bookings?user_id={self._caller.who}&limit=50")

    async def _find(self, reference: str) -> None:
        """Look the booking up by its reference, in upper or lower case."""
        typed = self._random.choice((reference, reference.lower()))
        await self._sometimes_read(0.05, "by_reference", f"/bookings?reference={typed}&limit=50")

    async def _return_to_a_booking(self) -> None:
        """Act on one of the latest bookings, now and then on another customer's."""
        if self._sale.bookings and self._random.random() < 0.1:
            await self._act_on({**self._random.choice(self._sale.bookings)})
        elif self._bookings:
            await self._act_on(self._random.choice(self._bookings))

    async def _act_on(self, booking: Booking) -> None:
        await act(self._habits, booking, self._random)

    async def _book_several_at_once(self) -> None:
        flight = self._some_flight()
        await asyncio.gather(*(self._book(flight) for _ in range(self._random.randint(2, 5))))

    async def _travel(self) -> None:
        """Book several flights together. Some of these bookings are then like any other."""
        bookings = await self._traveller.travel()
        if bookings and self._random.random() < 0.3:
            self._bookings.append(self._random.choice(bookings))

    async def _book(self, flight: str) -> Booking | None:
        """Book seats; sometimes wait for them when there are too few."""
        call = await self._caller.command(
            "initiate_booking", "/bookings", {"flight_id": flight, **self._named(self._party())}
        )
        if call.status == 201:
            booking: Booking = json.loads(call.text)
            self._bookings.append(booking)
            self._sale.bookings.append(booking)
            return booking
        if call.status == 409 and self._random.random() < 0.8:
            await self._wait(flight)
        return None

    async def _wait(self, flight: str) -> None:
        call = await self._caller.command("join_waitlist", f"/flights/{flight}/waitlist", self._party())
        if call.status == 201:
            party = json.loads(call.text)["id"]
            self._waits.append(party)
            self._sale.parties.append(party)

    async def _take_offers(self) -> None:
        """Look for offered bookings; they are then like any other."""
        for party in self._waits[-3:]:
            row = await self._caller.read("waiting_party", f"/waitlist/{party}")
            if row and row["booking_id"]:
                self._waits.remove(party)
                if booking := await self._caller.read("booking", f"/bookings/{row['booking_id']}"):
                    self._bookings.append(booking)
                    await self._act_on(booking)

    async def _leave_a_waiting_list(self) -> None:
        """Leave a waiting list, now and then for another customer."""
        parties = self._sale.parties if self._random.random() < 0.1 else self._waits
        if parties:
            await self._leave(self._random.choice(parties))

    async def _leave(self, party: str) -> None:
        await self._caller.command("leave_waitlist", f"/waitlist/{party}/leave", {})

    async def _pay(
        self, bought: Booking, key: str | None = None, short: int = 0, capture: str = "automatic"
    ) -> Call:
        call = await super()._pay(bought, key, short, capture)
        if call.status == 201 and bought not in self._sale.paid:
            self._sale.paid.append(bought)
        return call

    async def _cancel(self, booking: Booking) -> None:
        reason = {"reason": "change of plans"}
        await self._change(booking, "cancel_booking", f"/bookings/{booking['id']}/cancel", reason)

    async def _authorise(self, booking: Booking) -> None:
        """Authorise only. The clerk does the rest, and not every customer waits for it."""
        if (await self._pay(booking, capture="manual")).status != 201:
            return
        pending = {**booking}
        if self._random.random() < 0.2:
            await self._pay(booking)
        if self._random.random() < 0.1:
            await self._give_seats_back(booking)
        await self._clerk.serve(pending)
        if self._random.random() < 0.4:
            await self._pay(booking, capture=self._random.choice(["automatic", "manual"]))

    async def _authorise_and_cancel(self, booking: Booking) -> None:
        """Cancel before the capture: the money arrives for a cancelled booking."""
        if (await self._pay(booking, capture="manual")).status == 201:
            await asyncio.gather(self._clerk.capture(booking), self._cancel(booking))

    async def _give_seats_back(self, booking: Booking) -> None:
        """Give back some seats, or all, which is refused."""
        seats = self._random.randint(1, booking["seats"])
        body: dict[str, Any] = {"seats": seats}
        if booking["passengers"] and self._random.random() < 0.9:
            seated = [one["id"] for one in booking["passengers"] if one["type"] != "infant_on_lap"]
            body |= {"passengers": seated[-max(1, booking["seats"] - seats) :]}
        await self._change(booking, "reduce_seats", f"/bookings/{booking['id']}/seats", body)
        if booking["status"] == "initiated" and self._random.random() < 0.7:
            await self._pay(booking)

    async def _pay_and_give_seats_back(self, booking: Booking) -> None:
        await self._pay(booking)
        await self._give_seats_back(booking)

    async def _accept_change(self, booking: Booking) -> None:
        """Accept changed times, whether there are any or not."""
        await self._change(booking, "accept_change", f"/bookings/{booking['id']}/accept-change", {})

    async def _name(self, booking: Booking) -> None:
        """Name the passengers, now and then one too many."""
        seats = booking["seats"] + (self._random.random() < 0.1)
        body = {"passengers": self._passengers(seats)}
        await self._change(booking, "name_passengers", f"/bookings/{booking['id']}/passengers", body)

    async def _split(self, booking: Booking) -> None:
        """Give some passengers a booking of their own, which is then like any other."""
        if not booking["passengers"]:
            return
        some = self._random.sample(booking["passengers"], self._random.randint(1, len(booking["passengers"])))
        body = {"passengers": [one["id"] for one in some]}
        path = f"/bookings/{booking['id']}/split"
        call = await self._caller.command("split_booking", path, body)
        if call.status == 201:
            part: Booking = json.loads(call.text)
            self._bookings.append(part)
            self._sale.bookings.append(part)

    def _named(self, party: dict[str, Any]) -> dict[str, Any]:
        """Return the party, half of the time with its passengers."""
        named = self._random.random() < 0.5
        return party | {"passengers": self._passengers(party["seats"])} if named else party

    def _passengers(self, seats: int) -> list[dict[str, str]]:
        """Return passengers for the seats: adults and children, and an infant for some adults."""
        types = ["adult", *self._random.choices(("adult", "child"), k=seats - 1)]
        types += ["infant_on_lap"] * (self._random.random() < 0.2)
        return [{"given_name": f"P{n}", "family_name": "Nguyễn", "type": t} for n, t in enumerate(types)]

    async def _tidy_up(self) -> None:
        """Forget old bookings that are not paid, and cancel one of many paid ones."""
        paid = [each for each in self._bookings if each["status"] in PAID]
        self._bookings = paid + [each for each in self._bookings if each["status"] not in PAID][-KEPT:]
        if len(paid) > PAID_MAX:
            await self._cancel(self._random.choice(paid))

    async def _sometimes_read(self, chance: float, operation: str, path: str) -> None:
        if self._random.random() < chance:
            await self._caller.read(operation, path)

    def _some_flight(self) -> str:
        gone = self._sale.cancelled + self._sale.departed
        is_gone = gone and self._random.random() < 0.02
        return self._random.choice(gone if is_gone else self._sale.flights)

    def _party(self) -> dict[str, Any]:
        """Return a user, now and then another one than the caller, and a number of seats."""
        user = STRANGER if self._random.random() < 0.02 else self._caller.who
        return {"user_id": user, "seats": self._random.choice(PARTIES)}
