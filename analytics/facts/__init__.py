"""Facts for analysts: one table and one statement per projection, and views over them."""

from importlib.resources import files

from analytics.facts.bookings import BOOKINGS
from analytics.facts.flights import FLIGHTS
from analytics.facts.payments import PAYMENTS
from analytics.facts.projection import Column, Projection
from analytics.facts.refunds import REFUNDS
from analytics.facts.seat_changes import SEAT_CHANGES

__all__ = ["PROJECTIONS", "Column", "Projection", "derived_views"]

PROJECTIONS = {
    projection.name: projection for projection in (FLIGHTS, BOOKINGS, PAYMENTS, REFUNDS, SEAT_CHANGES)
}
"""All projections by name. Each has its own checkpoint, and is rebuilt and parked alone."""


def derived_views() -> str:
    """Return the SQL of the views over the facts. It is idempotent."""
    return (files("analytics.facts") / "views.sql").read_text(encoding="utf-8")
