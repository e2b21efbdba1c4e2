"""Flights, customers, and the prepared requests of each case."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from typing import Any
from urllib.parse import urlencode

from cli.demo.client import DemoResponse, connect
from cli.demo.crowd import work_through
from cli.demo.progress import ProgressBar
from cli.tokens import sign_token
from trials.bench.wrk import Request

SECRET = "only-the-ledger-of-a-benchmark-is-signed-with-this"
HOLD_SECONDS = "86400"
TOKEN_MINUTES = 24 * 60
CUSTOMERS = 10_000
"""Number of customers. One of a few would soon have more unpaid bookings than a real one ever has."""

SEATS = 1000
PRICE = {"amount": 45_000, "currency": "USD"}
REASON = "plans have changed"
SCHEDULED_AT_ONCE = 32
PAGE = 200
RATE_MAX = 20_000
"""Highest supported rate of bookings per second: it determines the number of seats."""

LINES = 20_000
"""Number of prepared requests that may be repeated."""

Booking = dict[str, Any]


class Traffic:
    """Schedules flights over HTTP as an operator, and prepares requests of customers with tokens."""

    def __init__(self, url: str) -> None:
        self._url = url
        names = [f"customer-{number}" for number in range(CUSTOMERS)]
        self._tokens = {name: token_for(name, ["client"]) for name in names}
        self._numbers = count()
        self._dice = random.Random(1979)

    def schedule(self, flights: int) -> list[str]:
        """Schedule new flights and return their ids."""
        return asyncio.run(self._schedule(flights))

    def unpaid(self, most: int) -> list[Booking]:
        """Return up to `most` unpaid bookings."""
        return asyncio.run(self._unpaid(most))

    def bookings(self, flights: Sequence[str]) -> list[Request]:
        """Prepare bookings of one seat on each flight, for the customers in turn."""
        return [
            self._post("/bookings", name, {"flight_id": flight, "user_id": name, "seats": 1})
            for flight, name in zip(flights, cycle(self._tokens), strict=False)
        ]

    def bookings_anywhere(self, flights: Sequence[str]) -> list[Request]:
        """Prepare bookings of one seat on random flights."""
        return self.bookings(self._dice.choices(flights, k=LINES))

    def payments(self, bookings: Sequence[Booking]) -> list[Request]:
        return [
            self._post(
                "/bookings/payments",
                one["user_id"],
                {"booking_id": one["id"], "user_id": one["user_id"], "total_cost": one["total_cost"]},
            )
            for one in bookings
        ]

    def cancellations(self, bookings: Sequence[Booking]) -> list[Request]:
        return [
            self._post(f"/bookings/{one['id']}/cancel", one["user_id"], {"reason": REASON})
            for one in bookings
        ]

    def reads(self, path: str, bookings: Sequence[Booking]) -> list[Request]:
        """Prepare reads for random ones of these bookings; their fields are filled into the path."""
        return [
            Request("GET", path.format_map(one), self._tokens[one["user_id"]])
            for one in self._dice.choices(bookings, k=LINES)
        ]

    def _post(self, path: str, name: str, body: dict[str, Any]) -> Request:
        return Request("POST", path, self._tokens[name], json.dumps(body, separators=(",", ":")))

    async def _schedule(self, flights: int) -> list[str]:
        made: list[str] = []
        async with connect(self._url, token_for) as server:
            operator = server.user("operator-0", "operator")

            async def schedule(number: int) -> None:
                answer = await operator.post("/flights", flight(number), key=f"flight-{number}")
                made.append(body_of(answer, 201)["id"])

            numbers = list(islice(self._numbers, flights))
            await work_through(numbers, schedule, ProgressBar(silent=True), SCHEDULED_AT_ONCE)
        return made

    async def _unpaid(self, most: int) -> list[Booking]:
        found: list[Booking] = []
        query = {"status": "initiated", "limit": str(PAGE)}
        async with connect(self._url, token_for) as server:
            operator = server.user("operator-0", "operator")
            while len(found) < most:
                page = body_of(await operator.get(f"/bookings?{urlencode(query)}"), 200)
                found.extend(page["data"])
                if page["next_cursor"] is None:
                    break
                query["cursor"] = page["next_cursor"]
        return found[:most]


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


def token_for(name: str, roles: list[str]) -> str:
    return sign_token(SECRET, name, roles, TOKEN_MINUTES)


def body_of(answer: DemoResponse, status: int) -> dict[str, Any]:
    """Return the body of an answer. Raises RuntimeError if it has another status."""
    if answer.status != status:
        raise RuntimeError(f"not {status}: {answer}")
    body: dict[str, Any] = answer.body
    return body
