"""What each command on an itinerary must come to, given the log before it."""

from datetime import datetime
from typing import Any

from trials.checker.itineraries import Itinerary
from trials.checker.model import Model
from trials.checker.prices import settles
from trials.checker.requests import ACCEPTED, Request

RESOLVED = {
    "initiated": "payment-not-pending",
    "booked": "already-paid",
    "cancelled": "booking-cancelled",
}
"""The outcome of a capture or a void of an itinerary without an open payment, by its status."""


def initiate(model: Model, request: Request, now: datetime) -> str:
    if not request.may_act_for(request.fields["user_id"]):
        return "not-your-account"
    refusing = first_refusal(model, request, now)
    return refusing[0] if refusing else ACCEPTED


def first_refusal(model: Model, request: Request, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Return the code and the facts of the first flight that refuses, if any does."""
    asked: dict[str, int] = {}
    for booking in request.fields["bookings"]:
        asked[booking["flight_id"]] = asked.get(booking["flight_id"], 0) + booking["seats"]
    for id, seats in asked.items():
        flight = model.flights.get(id)
        if flight is None:
            return "flight-not-found", {"flight_id": id}
        if flight.is_closed(now):
            return "flight-not-bookable", {"flight_id": id}
        if seats > flight.free(now):
            return "not-enough-seats", {"flight_id": id, "asked": seats, "free": flight.free(now)}
    return None


def change(model: Model, request: Request, now: datetime) -> str:
    fields, operation = request.fields, request.operation
    itinerary = Itinerary.of(model, request.id_of("itinerary_id"))
    is_callers = operation in ("pay_itinerary", "cancel_itinerary")
    if itinerary is None or (is_callers and not request.may_act_for(itinerary.user)):
        return "itinerary-not-found"
    if operation == "pay_itinerary" and fields["user_id"] != itinerary.user:
        return "itinerary-not-found"
    if request.version not in (None, itinerary.version):
        return "stale-version"
    if operation == "pay_itinerary":
        return _pay(itinerary, fields["total_cost"], now)
    if operation == "cancel_itinerary":
        return _cancel(itinerary, fields.get("booking_ids"), request.role, now)
    awaiting = itinerary.awaiting_money
    if operation == "capture_itinerary" and awaiting:
        return ACCEPTED
    if any(one.status == "pending" for one in awaiting):
        return ACCEPTED
    return RESOLVED[itinerary.row["status"]]


def _pay(itinerary: Itinerary, total_cost: Any, now: datetime) -> str:
    live = itinerary.live
    if any(one.status == "booked" for one in live):
        return "already-paid"
    unpaid = [one for one in itinerary.bookings if one.reason in (None, "hold_expired")]
    if any(one.flight.has_departed(now) for one in unpaid):
        return "flight-departed"
    if any(one.reason == "hold_expired" or one.is_due(now) for one in itinerary.bookings):
        return "hold-expired"
    if not live:
        return "booking-cancelled"
    if any(one.status == "pending" for one in live):
        return "payment-in-progress"
    return ACCEPTED if settles(total_cost, itinerary.total_cost) else "price-mismatch"


def _cancel(itinerary: Itinerary, booking_ids: list[str] | None, role: str, now: datetime) -> str:
    by_id = {one.row["id"]: one for one in itinerary.bookings}
    if any(id not in by_id for id in booking_ids or ()):
        return "booking-not-found"
    chosen = itinerary.live if booking_ids is None else [by_id[id] for id in booking_ids]
    if not chosen or any(one.status == "cancelled" for one in chosen):
        return "booking-cancelled"
    departed = [one for one in chosen if one.flight.has_departed(now)]
    if departed and role != "operator":
        return "flight-departed"
    return "refund-not-stated" if any(one.status == "booked" for one in departed) else ACCEPTED
