"""Tokens of callers, and flights."""

import itertools
import time
from datetime import UTC, datetime, timedelta

import jwt
from seatledger_client import Client, Flight, Money

SECRET = "a-secret-of-more-than-thirty-two-bytes-for-the-client"
FIRST_DEPARTURE = datetime(2041, 5, 17, 22, 45, tzinfo=UTC)
_days = itertools.count()


def bearer(subject: str, *roles: str) -> str:
    claims = {"sub": subject, "roles": list(roles), "exp": int(time.time()) + 3600}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def schedule(operator: Client, seats: int = 1000, route: str = "BOM-DEL", day: int | None = None) -> Flight:
    """Schedule a flight on a day on which no other of its number leaves."""
    leaves = FIRST_DEPARTURE + timedelta(days=next(_days) if day is None else day)
    origin, _, destination = route.partition("-")
    return operator.flights.schedule(
        number="AI117",
        origin=origin,
        destination=destination,
        departs_at=leaves,
        arrives_at=leaves + timedelta(hours=7),
        seats=seats,
        price=Money(450000, "INR"),
    )
