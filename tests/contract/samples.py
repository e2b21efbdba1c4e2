"""Samples for contract tests: flights, money, ids, times and query strings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

RUPEES = {"amount": 450000, "currency": "INR"}
BA117 = {"number": "BA117", "origin": "BOM", "destination": "LHR", "seats": 10, "price": RUPEES}

ALICE_NGUYEN = {
    "given_name": "Alice",
    "family_name": "Nguyễn",
    "type": "adult",
    "date_of_birth": "1984-02-29",
}
TOM_NGUYEN = {"given_name": "Tom", "family_name": "Nguyễn", "type": "child"}
MIA_NGUYEN = {"given_name": "Mia", "family_name": "Nguyễn", "type": "infant_on_lap"}
FLIGHT_FIELDS = {
    "id",
    "number",
    "origin",
    "destination",
    "departs_at",
    "arrives_at",
    "departs_at_local",
    "arrives_at_local",
    "departure_day",
    "seats",
    "price",
    "status",
    "version",
    "departed_at",
    "overbooking",
}
BOOKING_FIELDS = {
    "id",
    "reference",
    "flight_id",
    "user_id",
    "seats",
    "total_cost",
    "status",
    "expires_at",
    "version",
    "created_at",
    "updated_at",
    "payment",
    "itinerary_id",
    "travel",
    "schedule_change",
    "passengers",
    "split_from",
}
ITINERARY_FIELDS = {
    "id",
    "user_id",
    "bookings",
    "total_cost",
    "status",
    "expires_at",
    "version",
    "created_at",
    "updated_at",
    "payment",
}
REFUND_FIELDS = {
    "id",
    "booking_id",
    "flight_id",
    "user_id",
    "payment_id",
    "amount",
    "reason",
    "status",
    "due_at",
    "settled_at",
    "reference",
    "gateway",
    "refusal",
}
WAITING_FIELDS = {
    "id",
    "flight_id",
    "user_id",
    "seats",
    "status",
    "place",
    "joined_at",
    "booking_id",
    "offer_expires_at",
    "version",
}
EVENT_FIELDS = {
    "position",
    "version",
    "type",
    "recorded_at",
    "actor",
    "causation_id",
    "correlation_id",
    "data",
    "status_after",
    "hash",
}

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)

_days = itertools.count(30)
_routes = itertools.permutations(("AKL", "CPT", "GRU", "HEL", "ICN", "PPT", "YYZ", "ZRH"), 2)


def next_day() -> date:
    """Return a future day on which no other flight of this run departs."""
    return datetime.now(UTC).date() + timedelta(days=next(_days))


def next_route() -> dict[str, str]:
    """Return an origin and a destination that no other flight of this run connects."""
    origin, destination = next(_routes)
    return {"origin": origin, "destination": destination}


def on_own_day(flight: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flight with times on a day on which no other flight departs."""
    day = next_day()
    return {**flight, "departs_at": f"{day}T10:00:00Z", "arrives_at": f"{day}T19:30:00Z"}


def new_key() -> str:
    return f"key-{uuid4()}"


def unknown_id() -> str:
    return str(uuid4())


def at(text: str) -> datetime:
    """Parse a time of an answer; fail unless it is written in UTC with a `Z`."""
    assert UTC_TIME.fullmatch(text), f"not an RFC 3339 UTC time: {text!r}"
    return datetime.fromisoformat(text)


def later(flight: Mapping[str, Any], **shift: float) -> dict[str, str]:
    """Return the times of the flight, moved by a duration; a negative one makes them earlier."""
    times = ("departs_at", "arrives_at")
    return {name: (at(flight[name]) + timedelta(**shift)).isoformat() for name in times}


def is_server_id(identifier: str) -> bool:
    return UUID(identifier).version == 7 and str(UUID(identifier)) == identifier


def rupees(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "INR"}


def query(**filters: Any) -> str:
    """Return a query string with every reserved character escaped."""
    return "?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in filters.items())
