"""Travellers: customers that book several flights as one itinerary, and pay or cancel all or some of it."""

import asyncio
import json
from random import Random
from typing import Any

from trials.crowd.caller import Caller
from trials.crowd.habits import Habits, act
from trials.crowd.payers import Payer
from trials.crowd.sale import Booking, Sale
from trials.crowd.staff import Clerk

Itinerary = dict[str, Any]
"""An itinerary as its customer last received it."""

SEATS = (1, 1, 1, 1, 1, 2)
_LEDGER = slice(15, 18)
"""The number of the ledger in an id: an itinerary has flights of one ledger."""

FLIGHTS = (2, 2, 2, 3)


class Traveller(Payer):
    """Books itineraries for one caller."""

    BOUGHT = "itinerary"
    PATH = "/itineraries"

    def __init__(self, caller: Caller, sale: Sale, clerk: Clerk, random: Random) -> None:
        super().__init__(caller, sale, clerk, random)
        self._habits: Habits[Itinerary] = {
            (self._pay,): 30,
            (self._pay_at_the_end,): 12,
            (self._pay_wrongly,): 3,
            (self._pay_several_times,): 10,
            (self._cancel,): 6,
            (self._cancel_a_part,): 8,
            (self._pay, self._cancel): 5,
            (self._pay, self._cancel_a_part): 6,
            (self._authorise,): 30,
            (self._authorise_and_cancel_a_part,): 10,
            (self._pay_a_booking_alone,): 3,
            (self._abandon,): 8,
        }

    async def travel(self) -> list[Booking]:
        """Book an itinerary and act on it; return its bookings, which the customer may change alone."""
        seats = self._random.choice(SEATS)
        first = self._random.choice(self._sale.flights)
        others = [flight for flight in self._sale.flights if flight[_LEDGER] == first[_LEDGER]]
        flights = [first] + [self._random.choice(others) for _ in range(self._random.choice(FLIGHTS) - 1)]
        parts = [{"flight_id": flight, "seats": seats} for flight in flights]
        body = {"user_id": self._caller.who, "bookings": parts}
        call = await self._caller.command("initiate_itinerary", "/itineraries", body)
        if call.status != 201:
            return []
        itinerary: Itinerary = json.loads(call.text)
        await act(self._habits, itinerary, self._random)
        if self._random.random() < 0.3:
            await self._caller.read("itinerary", f"/itineraries/{itinerary['id']}")
        if self._random.random() < 0.2:
            await act(self._habits, itinerary, self._random)
        bookings: list[Booking] = itinerary["bookings"]
        return bookings

    async def _pay_a_booking_alone(self, itinerary: Itinerary) -> None:
        """Pay for one booking of the itinerary, which is refused."""
        booking = self._random.choice(itinerary["bookings"])
        body = {"booking_id": booking["id"], "user_id": self._caller.who, "total_cost": booking["total_cost"]}
        if cards := self._sale.plan.cards:
            body["payment_method"] = cards[0]
        await self._caller.command("pay_booking", "/bookings/payments", body)

    async def _cancel(self, itinerary: Itinerary, **part: Any) -> None:
        body = {"reason": "change of plans", **part}
        path = f"/itineraries/{itinerary['id']}/cancel"
        await self._change(itinerary, "cancel_itinerary", path, body)

    async def _cancel_a_part(self, itinerary: Itinerary) -> None:
        """Cancel one booking, by the command on the itinerary or by that on the booking."""
        booking = self._random.choice(itinerary["bookings"])["id"]
        if self._random.random() < 0.6:
            await self._cancel(itinerary, booking_ids=[booking])
        else:
            body = {"reason": "change of plans"}
            await self._caller.command("cancel_booking", f"/bookings/{booking}/cancel", body)
        if self._random.random() < 0.5:
            await self._pay(itinerary)

    async def _authorise(self, itinerary: Itinerary) -> None:
        """Authorise only. The clerk does the rest."""
        if (await self._pay(itinerary, capture="manual")).status == 201:
            await self._clerk.serve_itinerary({**itinerary})

    async def _authorise_and_cancel_a_part(self, itinerary: Itinerary) -> None:
        """Cancel a part before the capture: its share arrives for a cancelled booking."""
        if (await self._pay(itinerary, capture="manual")).status == 201:
            await asyncio.gather(self._clerk.serve_itinerary({**itinerary}), self._cancel_a_part(itinerary))
