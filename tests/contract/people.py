"""Who calls the API: named people, their tokens, and the few verbs they have."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import jwt

from tests.contract.client import ABSENT, V1, Answer, Api
from tests.contract.samples import BA117, new_key, on_a_day_of_its_own, query

SECRET = "a-secret-of-more-than-thirty-two-bytes-for-the-contract"


@dataclass(frozen=True)
class Person:
    """A subject and the roles their token grants."""

    sub: str
    roles: tuple[str, ...]

    def token(self) -> str:
        return mint(sub=self.sub, roles=list(self.roles), exp=int(time.time()) + 3600)


ALICE = Person("01900000-a11c-7e00-8000-000000000001", ("client",))
BOB = Person("01900000-0b0b-7000-8000-000000000002", ("client",))
OLGA = Person("01900000-01ca-7000-8000-000000000003", ("operator",))
AMIR = Person("01900000-a31b-7000-8000-000000000004", ("auditor",))
NINA = Person("01900000-917a-7000-8000-000000000005", ("analyst",))
BY_ROLE = {"client": ALICE, "operator": OLGA, "auditor": AMIR, "analyst": NINA}


def mint(**claims: Any) -> str:
    """A token signed with the server's secret, honest or not about its claims."""
    return jwt.encode(claims, SECRET, algorithm="HS256")


def somebody_new() -> Person:
    return Person(str(uuid4()), ("client",))


class Caller:
    """A person at the keyboard: every method is one request."""

    def __init__(self, api: Api, sub: str, token: str | None) -> None:
        self.api = api
        self.sub = sub
        self.token = token

    @classmethod
    def of(cls, api: Api, person: Person) -> Caller:
        return cls(api, person.sub, person.token())

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.api.call("GET", V1 + path, token=self.token, headers=headers)

    async def post(
        self,
        path: str,
        json: Any = ABSENT,
        *,
        key: str | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"x-idempotency-key": key} if key is not None else {}
        sent |= headers or {}
        return await self.api.call(
            "POST", V1 + path, token=self.token, json=json, content=content, headers=sent
        )

    async def schedule(self, flight: Mapping[str, Any] = BA117, **changes: Any) -> Answer:
        """Schedules the flight on a day nobody else uses, unless `changes` name the times."""
        return await self.post("/flights", on_a_day_of_its_own(flight) | changes)

    async def flight(self, **changes: Any) -> Any:
        """A flight that certainly exists."""
        return (await self.schedule(**changes)).made()

    async def book(
        self,
        flight: Mapping[str, Any],
        seats: int = 1,
        *,
        user_id: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        wish = {"flight_id": flight["id"], "user_id": user_id or self.sub, "seats": seats}
        return await self.post("/bookings", wish, key=key, headers=headers)

    async def pay(
        self,
        booking: Mapping[str, Any],
        total_cost: Any = None,
        *,
        key: str | None = None,
        user_id: str | None = None,
        capture: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Pays what the booking costs, or `total_cost`, with a key of its own unless one is given."""
        payment = {
            "booking_id": booking["id"],
            "user_id": user_id or self.sub,
            "total_cost": total_cost or booking["total_cost"],
        }
        if capture is not None:
            payment["capture"] = capture
        return await self.post("/bookings/payments", payment, key=key or new_key(), headers=headers)

    async def cancel(self, booking: Mapping[str, Any], **options: Any) -> Answer:
        return await self.post(f"/bookings/{booking['id']}/cancel", {}, **options)

    async def booked(self, flight: Mapping[str, Any], seats: int = 1) -> Any:
        """A booking that is certainly paid for."""
        return (await self.pay((await self.book(flight, seats)).made())).made()["booking"]

    async def pending(self, flight: Mapping[str, Any], seats: int = 1) -> Any:
        """A booking whose payment certainly waits to be captured."""
        held = (await self.book(flight, seats)).made()
        return (await self.pay(held, capture="manual")).made()["booking"]

    async def capture(self, booking: Mapping[str, Any], **options: Any) -> Answer:
        return await self.post(f"/bookings/{booking['id']}/capture", {}, **options)

    async def void(self, booking: Mapping[str, Any], reason: str = "declined", **options: Any) -> Answer:
        return await self.post(f"/bookings/{booking['id']}/void", {"reason": reason}, **options)

    async def keep(self, booking: Mapping[str, Any], seats: Any, **options: Any) -> Answer:
        """Gives back all seats of the booking but so many."""
        return await self.post(f"/bookings/{booking['id']}/seats", {"seats": seats}, **options)

    async def quote(self, booking: Mapping[str, Any], **options: Any) -> Answer:
        return await self.post(f"/bookings/{booking['id']}/cancel/quote", {}, **options)

    async def outcome(self, actor: str, operation: str, key: str) -> Answer:
        """What is recorded under that key; a key may hold what would end a path."""
        return await self.get(f"/commands/{quote(actor, safe='')}/{operation}/{quote(key, safe='')}")

    async def cancel_flight(self, flight: Mapping[str, Any], **options: Any) -> Answer:
        return await self.post(f"/flights/{flight['id']}/cancel", {"reason": "fog"}, **options)

    async def settle(self, refund: Mapping[str, Any], reference: str = "re_1", **options: Any) -> Answer:
        return await self.post(f"/refunds/{refund['id']}/settle", {"reference": reference}, **options)

    async def refunds(self, **filters: Any) -> Any:
        """The refunds that fit, which must fit on one page."""
        found = (await self.get("/refunds" + query(limit=200, **filters))).done()
        assert found["next_cursor"] is None
        return found["data"]

    async def wait(
        self, flight: Mapping[str, Any], seats: Any = 1, *, user_id: str | None = None, **options: Any
    ) -> Answer:
        """Joins the flight's waiting list."""
        party = {"user_id": user_id or self.sub, "seats": seats}
        return await self.post(f"/flights/{flight['id']}/waitlist", party, **options)

    async def leave(self, party: Mapping[str, Any], **options: Any) -> Answer:
        return await self.post(f"/waitlist/{party['id']}/leave", {}, **options)

    async def standing(self, party: Mapping[str, Any]) -> Any:
        """The party as it stands now."""
        return (await self.get(f"/waitlist/{party['id']}")).done()

    async def line(self, flight: Mapping[str, Any], **filters: Any) -> Any:
        """The flight's parties, which must fit on one page."""
        found = (await self.get("/waitlist" + query(flight_id=flight["id"], limit=200, **filters))).done()
        assert found["next_cursor"] is None
        return found["data"]

    async def head(self) -> Any:
        return (await self.get("/audit/head")).done()

    async def booking(self, booking: Mapping[str, Any], query: str = "") -> Answer:
        return await self.get(f"/bookings/{booking['id']}{query}")

    async def history(self, booking: Mapping[str, Any]) -> Any:
        return (await self.get(f"/bookings/{booking['id']}/history")).done()["events"]

    async def seats(self, flight: Mapping[str, Any]) -> tuple[int, int, int]:
        """(held, booked, available), after checking that they add up."""
        found = (await self.get(f"/flights/{flight['id']}/availability")).done()
        assert found["seats"] == found["held"] + found["booked"] + found["available"], found
        counts = found["held"], found["booked"], found["available"]
        assert min(counts) >= 0, found
        return counts
