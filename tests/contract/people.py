"""Callers of the API: subjects, their tokens, and one method per request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import jwt

from tests.contract.client import ABSENT, V1, Api, HttpAnswer
from tests.contract.samples import BA117, new_key, on_own_day, query

SECRET = "a-secret-of-more-than-thirty-two-bytes-for-the-contract"


@dataclass(frozen=True)
class Subject:
    """Subject of a token and the roles that the token grants."""

    sub: str
    roles: tuple[str, ...]

    def token(self) -> str:
        return mint(sub=self.sub, roles=list(self.roles), exp=int(time.time()) + 3600)


ALICE = Subject("01900000-a11c-7e00-8000-000000000001", ("client",))
BOB = Subject("01900000-0b0b-7000-8000-000000000002", ("client",))
OLGA = Subject("01900000-01ca-7000-8000-000000000003", ("operator",))
AMIR = Subject("01900000-a31b-7000-8000-000000000004", ("auditor",))
NINA = Subject("01900000-917a-7000-8000-000000000005", ("analyst",))
BY_ROLE = {"client": ALICE, "operator": OLGA, "auditor": AMIR, "analyst": NINA}


def mint(**claims: Any) -> str:
    """Return a token with any claims, signed with the server's secret."""
    return jwt.encode(claims, SECRET, algorithm="HS256")


def new_client() -> Subject:
    return Subject(str(uuid4()), ("client",))


class ApiCaller:
    """Caller with one token: every method is one request, unless its docstring names more."""

    def __init__(self, api: Api, sub: str, token: str | None) -> None:
        self.api = api
        self.sub = sub
        self.token = token

    @classmethod
    def of(cls, api: Api, person: Subject) -> ApiCaller:
        return cls(api, person.sub, person.token())

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return await self.api.call("GET", V1 + path, token=self.token, headers=headers)

    async def post(
        self,
        path: str,
        json: Any = ABSENT,
        *,
        key: str | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        sent = {"x-idempotency-key": key} if key is not None else {}
        sent |= headers or {}
        return await self.api.call(
            "POST", V1 + path, token=self.token, json=json, content=content, headers=sent
        )

    async def put(self, path: str, json: Any, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return await self.api.call("PUT", V1 + path, token=self.token, json=json, headers=headers)

    async def patch(self, path: str, json: Any) -> HttpAnswer:
        return await self.api.call("PATCH", V1 + path, token=self.token, json=json)

    async def name_passengers(
        self, booking: Any, *passengers: Any, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        path = f"/bookings/{booking['id']}/passengers"
        return await self.put(path, {"passengers": list(passengers)}, headers=headers)

    async def split(self, booking: Any, *passengers: Any, **options: Any) -> HttpAnswer:
        """Make a booking of these passengers of the booking."""
        ids = [passenger["id"] for passenger in passengers]
        return await self.post(f"/bookings/{booking['id']}/split", {"passengers": ids}, **options)

    async def schedule(self, flight: Mapping[str, Any] = BA117, **changes: Any) -> HttpAnswer:
        """Schedule a flight on a day of its own, unless `changes` give the times."""
        return await self.post("/flights", on_own_day(flight) | changes)

    async def create_flight(self, **changes: Any) -> Any:
        """Schedule a flight and return it; fail if it is refused."""
        return (await self.schedule(**changes)).created()

    async def book(
        self,
        flight: Mapping[str, Any],
        seats: int = 1,
        *,
        user_id: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        body = {"flight_id": flight["id"], "user_id": user_id or self.sub, "seats": seats}
        return await self.post("/bookings", body, key=key, headers=headers)

    async def pay(
        self,
        booking: Mapping[str, Any],
        total_cost: Any = None,
        *,
        key: str | None = None,
        user_id: str | None = None,
        capture: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Pay what the booking costs, or `total_cost`, under a new key unless `key` is given."""
        payment = {
            "booking_id": booking["id"],
            "user_id": user_id or self.sub,
            "total_cost": total_cost or booking["total_cost"],
        }
        if capture is not None:
            payment["capture"] = capture
        return await self.post("/bookings/payments", payment, key=key or new_key(), headers=headers)

    async def cancel(self, booking: Mapping[str, Any], **options: Any) -> HttpAnswer:
        return await self.post(f"/bookings/{booking['id']}/cancel", {}, **options)

    async def book_and_pay(self, flight: Mapping[str, Any], seats: int = 1) -> Any:
        """Hold seats, pay for them, and return the booking."""
        return (await self.pay((await self.book(flight, seats)).created())).created()["booking"]

    async def book_pending(self, flight: Mapping[str, Any], seats: int = 1) -> Any:
        """Hold seats, authorise the payment, and return the booking before its capture."""
        held = (await self.book(flight, seats)).created()
        return (await self.pay(held, capture="manual")).created()["booking"]

    async def book_itinerary(
        self,
        flights: Sequence[Mapping[str, Any]],
        seats: int = 1,
        *,
        user_id: str | None = None,
        key: str | None = None,
    ) -> HttpAnswer:
        """Hold seats on each of the flights, or on none."""
        bookings = [{"flight_id": flight["id"], "seats": seats} for flight in flights]
        body = {"user_id": user_id or self.sub, "bookings": bookings}
        return await self.post("/itineraries", body, key=key)

    async def pay_itinerary(
        self,
        itinerary: Mapping[str, Any],
        total_cost: Any = None,
        *,
        key: str | None = None,
        user_id: str | None = None,
        **more: Any,
    ) -> HttpAnswer:
        """Pay what the itinerary costs, or `total_cost`, under a new key unless `key` is given."""
        payment = {
            "itinerary_id": itinerary["id"],
            "user_id": user_id or self.sub,
            "total_cost": total_cost or itinerary["total_cost"],
            **more,
        }
        return await self.post("/itineraries/payments", payment, key=key or new_key())

    async def itinerary(
        self, itinerary: Mapping[str, Any], what: str, body: Any = None, **options: Any
    ) -> HttpAnswer:
        """Send `cancel`, `cancel/quote`, `capture` or `void` for the itinerary."""
        return await self.post(f"/itineraries/{itinerary['id']}/{what}", body or {}, **options)

    async def find_itinerary(self, itinerary: Mapping[str, Any]) -> HttpAnswer:
        return await self.get(f"/itineraries/{itinerary['id']}")

    async def capture(self, booking: Mapping[str, Any], **options: Any) -> HttpAnswer:
        return await self.post(f"/bookings/{booking['id']}/capture", {}, **options)

    async def void(self, booking: Mapping[str, Any], reason: str = "declined", **options: Any) -> HttpAnswer:
        return await self.post(f"/bookings/{booking['id']}/void", {"reason": reason}, **options)

    async def reduce_seats(self, booking: Mapping[str, Any], seats: Any, **options: Any) -> HttpAnswer:
        """Give back all but `seats` seats of the booking."""
        return await self.post(f"/bookings/{booking['id']}/seats", {"seats": seats}, **options)

    async def quote(self, booking: Mapping[str, Any], **options: Any) -> HttpAnswer:
        return await self.post(f"/bookings/{booking['id']}/cancel/quote", {}, **options)

    async def find_outcome(self, actor: str, operation: str, key: str) -> HttpAnswer:
        """Read the recorded outcome of a command; the key may contain any character."""
        return await self.get(f"/commands/{quote(actor, safe='')}/{operation}/{quote(key, safe='')}")

    async def cancel_flight(self, flight: Mapping[str, Any], **options: Any) -> HttpAnswer:
        return await self.post(f"/flights/{flight['id']}/cancel", {"reason": "fog"}, **options)

    async def settle(self, refund: Mapping[str, Any], reference: str = "re_1", **options: Any) -> HttpAnswer:
        return await self.post(f"/refunds/{refund['id']}/settle", {"reference": reference}, **options)

    async def list_refunds(self, **filters: Any) -> Any:
        """Return the refunds that match; fail if there are more than one page."""
        page = (await self.get("/refunds" + query(limit=200, **filters))).ok()
        assert page["next_cursor"] is None
        return page["data"]

    async def join_waiting_list(
        self, flight: Mapping[str, Any], seats: Any = 1, *, user_id: str | None = None, **options: Any
    ) -> HttpAnswer:
        party = {"user_id": user_id or self.sub, "seats": seats}
        return await self.post(f"/flights/{flight['id']}/waitlist", party, **options)

    async def leave_waiting_list(self, party: Mapping[str, Any], **options: Any) -> HttpAnswer:
        return await self.post(f"/waitlist/{party['id']}/leave", {}, **options)

    async def find_party(self, party: Mapping[str, Any]) -> Any:
        return (await self.get(f"/waitlist/{party['id']}")).ok()

    async def list_parties(self, flight: Mapping[str, Any], **filters: Any) -> Any:
        """Return the waiting parties of the flight; fail if there are more than one page."""
        page = (await self.get("/waitlist" + query(flight_id=flight["id"], limit=200, **filters))).ok()
        assert page["next_cursor"] is None
        return page["data"]

    async def read_head(self) -> Any:
        return (await self.get("/audit/head")).ok()

    async def find_booking(self, booking: Mapping[str, Any], query: str = "") -> HttpAnswer:
        return await self.get(f"/bookings/{booking['id']}{query}")

    async def read_history(self, booking: Mapping[str, Any]) -> Any:
        return (await self.get(f"/bookings/{booking['id']}/history")).ok()["events"]

    async def count_seats(self, flight: Mapping[str, Any]) -> tuple[int, int, int]:
        """Return (held, booked, available); fail unless they add up to the seats of the flight."""
        availability = (await self.get(f"/flights/{flight['id']}/availability")).ok()
        assert (
            availability["seats"] + availability["overbooking"]
            == availability["held"] + availability["booked"] + availability["available"]
        ), availability
        counts = availability["held"], availability["booked"], availability["available"]
        assert min(counts) >= 0, availability
        return counts
