"""Flights, customers, and the prepared requests of each case."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any

import aiohttp
import jwt

from trials.bench.wrk import Request

SECRET = "only-the-ledger-of-a-benchmark-is-signed-with-this"
HOLD_SECONDS = "86400"
CUSTOMERS = 64
SEATS = 1000
PRICE = {"amount": 45_000, "currency": "USD"}
REASON = "plans have changed"
SCHEDULED_AT_ONCE = 32
PAGE = 200
RATE_MAX = 20_000
"""Highest supported rate of bookings per second: it determines the number of seats."""

LINES = 20_000
"""Number of prepared requests that may be repeated."""


class Traffic:
    """Schedules flights over HTTP as an operator, and prepares requests of customers with tokens."""

    def __init__(self, url: str) -> None:
        self._v1 = url + "/api/v1"
        self._operator = {"Authorization": f"Bearer {_token('operator-0', 'operator')}"}
        self._tokens = {name: _token(name, "client") for name in (f"customer-{n}" for n in range(CUSTOMERS))}
        self._flights_made = 0
        self._dice = random.Random(1979)

    def schedule(self, flights: int) -> list[str]:
        """Schedule new flights and return their ids."""
        return asyncio.run(self._schedule(flights))

    def bookings(self, flights: Sequence[str]) -> list[Request]:
        """Prepare bookings of one seat on each flight, for the customers in turn."""
        return [
            self._post("/bookings", {"flight_id": flight, "user_id": name, "seats": 1}, name)
            for flight, name in zip(flights, cycle(self._tokens), strict=False)
        ]

    def bookings_anywhere(self, flights: Sequence[str]) -> list[Request]:
        """Prepare bookings of one seat on random flights."""
        return self.bookings(self._dice.choices(flights, k=LINES))

    def payments(self, bookings: Sequence[dict[str, Any]]) -> list[Request]:
        return [
            self._post(
                "/bookings/payments",
                {
                    "booking_id": booking["id"],
                    "user_id": booking["user_id"],
                    "total_cost": booking["total_cost"],
                },
                booking["user_id"],
            )
            for booking in bookings
        ]

    def cancellations(self, bookings: Sequence[dict[str, Any]]) -> list[Request]:
        return [
            self._post(f"/bookings/{booking['id']}/cancel", {"reason": REASON}, booking["user_id"])
            for booking in bookings
        ]

    def seat_reads(self, bookings: Sequence[dict[str, Any]]) -> list[Request]:
        """Prepare reads of the seats of these bookings' flights."""
        return [
            Request(
                "GET",
                f"/api/v1/flights/{booking['flight_id']}/availability",
                self._tokens[booking["user_id"]],
            )
            for booking in self._dice.choices(bookings, k=LINES)
        ]

    def booking_reads(self, bookings: Sequence[dict[str, Any]]) -> list[Request]:
        return [
            Request("GET", f"/api/v1/bookings/{booking['id']}", self._tokens[booking["user_id"]])
            for booking in self._dice.choices(bookings, k=LINES)
        ]

    def unpaid(self, count: int) -> list[dict[str, Any]]:
        """Return up to `count` unpaid bookings."""
        return asyncio.run(self._unpaid(count))

    def _post(self, path: str, body: dict[str, Any], name: str) -> Request:
        return Request("POST", "/api/v1" + path, self._tokens[name], json.dumps(body, separators=(",", ":")))

    async def _schedule(self, flights: int) -> list[str]:
        made: list[str] = []
        wanted = iter(range(self._flights_made, self._flights_made + flights))
        self._flights_made += flights
        async with aiohttp.ClientSession(headers=self._operator) as session, asyncio.TaskGroup() as crowd:

            async def schedule_the_next() -> None:
                for number in wanted:
                    async with session.post(f"{self._v1}/flights", json=flight(number)) as answer:
                        answer.raise_for_status()
                        made.append((await answer.json())["id"])

            for _ in range(SCHEDULED_AT_ONCE):
                crowd.create_task(schedule_the_next())
        return made

    async def _unpaid(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        query = {"status": "initiated", "limit": str(PAGE)}
        async with aiohttp.ClientSession(headers=self._operator) as session:
            while len(found) < count:
                async with session.get(f"{self._v1}/bookings", params=query) as answer:
                    answer.raise_for_status()
                    page = await answer.json()
                found.extend(page["data"])
                if page["next_cursor"] is None:
                    break
                query["cursor"] = page["next_cursor"]
        return list(islice(found, count))


def flight(number: int, days: int = 2) -> dict[str, Any]:
    """Return a unique flight: 9,999 numbers per day, from `days` ahead."""
    day = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    departs_at = day + timedelta(days=days + number // 9_999)
    return {
        "number": f"SL{number % 9_999 + 1}",
        "origin": "JFK",
        "destination": "LHR",
        "departs_at": departs_at.isoformat(),
        "arrives_at": (departs_at + timedelta(hours=7)).isoformat(),
        "seats": SEATS,
        "price": PRICE,
    }


def _token(sub: str, role: str) -> str:
    return jwt.encode(
        {"sub": sub, "roles": [role], "exp": int(time.time()) + 86_400}, SECRET, algorithm="HS256"
    )
