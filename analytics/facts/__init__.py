"""What analysts see: facts that follow the log, a table and one statement each, and views over them."""

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
"""Every projection there is, by its name. Each is rebuilt, parked and led on its own."""


def derived_views() -> str:
    """The views over the facts, with their comments: SQL that may be run again and again."""
    return (files("analytics.facts") / "views.sql").read_text(encoding="utf-8")
