"""Samples of the checker's tests: a flight of three seats, and the start of time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
FLIGHT, BOOKING, PAYMENT = (UUID(int=number) for number in (1, 2, 3))
COST = {"amount": 900, "currency": "GBP"}
PLAN = {
    "number": "BA117",
    "origin": "LHR",
    "destination": "JFK",
    "departs_at": "2031-01-01T12:00:00Z",
    "arrives_at": "2031-01-01T20:00:00Z",
    "seats": 3,
    "price": {"amount": 450, "currency": "GBP"},
}


def at(seconds: float) -> str:
    return str(msgspec.to_builtins(START + timedelta(seconds=seconds)))
