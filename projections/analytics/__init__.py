"""What analysts see: facts that follow the log, a table and one statement each, and views over them."""

from importlib.resources import files

from projections.analytics.bookings import BOOKINGS
from projections.analytics.flights import FLIGHTS
from projections.analytics.payments import PAYMENTS
from projections.analytics.projection import Column, Projection
from projections.analytics.refunds import REFUNDS
from projections.analytics.seat_changes import SEAT_CHANGES

__all__ = ["PROJECTIONS", "Column", "Projection", "derived_views"]

PROJECTIONS = {
    projection.name: projection for projection in (FLIGHTS, BOOKINGS, PAYMENTS, REFUNDS, SEAT_CHANGES)
}
"""Every projection there is, by its name. Each is rebuilt, parked and led on its own."""


def derived_views() -> str:
    """The views over the facts, with their comments: SQL that may be run again and again."""
    return (files("projections") / "analytics" / "views.sql").read_text(encoding="utf-8")
