"""What each command on a booking must come to, given the log before it."""

from datetime import datetime
from typing import Any

from trials.checker.bookings import Booking, seats_needed
from trials.checker.flight_rules import closed
from trials.checker.flights import Row
from trials.checker.model import Model
from trials.checker.prices import settles
from trials.checker.requests import ACCEPTED, Request


def initiate(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(fields["flight_id"])
    if not request.may_act_for(fields["user_id"]):
        return "not-your-account"
    if flight is None or flight.is_closed(now):
        return closed(flight)
    if fields["seats"] > flight.free(now):
        return "not-enough-seats"
    return _party_of(fields["passengers"], fields["seats"]) if "passengers" in fields else ACCEPTED


def change(model: Model, request: Request, now: datetime) -> str:
    fields, operation = request.fields, request.operation
    booking = model.bookings.get(request.id_of("booking_id"))
    if booking is None:
        return "booking-not-found"
    if operation == "expire_hold":
        ends = booking.is_due(now) or (booking.status in LIVE_HOLDS and booking.flight.has_departed(now))
        return ACCEPTED if ends else "hold-not-due"
    user = booking.row["user_id"]
    if operation in _BY_THE_CUSTOMER and not request.may_act_for(user):
        return "booking-not-found"
    if operation == "pay_booking" and fields["user_id"] != user:
        return "booking-not-found"
    if request.version not in (None, booking.row["version"]):
        return "stale-version"
    if booking.row.get("itinerary_id") and operation in ("pay_booking", "capture_payment", "void_payment"):
        return "booking-in-itinerary"
    departed = booking.flight.has_departed(now)
    if operation in _BEFORE_DEPARTURE and departed and booking.status != "cancelled":
        return "flight-departed"
    match operation:
        case "move_booking":
            return _move(booking, model, fields, now)
        case "split_booking":
            return _not_live(booking, now) or _split(booking, fields["passengers"])
        case "name_passengers":
            known = {one["id"] for one in booking.row["passengers"]}
            if any(one.get("id", None) not in {None, *known} for one in fields["passengers"]):
                return "passenger-unknown"
            live = booking.status == "pending" and not booking.is_due(now)
            return ("" if live else _not_live(booking, now)) or _party_of(fields["passengers"], booking.seats)
        case "accept_change":
            ended = "" if booking.status == "pending" and not booking.is_due(now) else _not_live(booking, now)
            return ended or (ACCEPTED if booking.row["schedule_change"] else "no-schedule-change")
        case "cancel_booking" if booking.status != "cancelled":
            return _cancel(booking, request, departed)
        case "deny_boarding":
            if booking.status != "booked":
                return "booking-cancelled" if booking.status == "cancelled" else "booking-not-paid"
            return "travel-already-recorded" if booking.row["travel"] == "flown" else ACCEPTED
        case "record_flown" | "record_no_show":
            return _travel(booking, operation, fields.get("passengers", []), departed)
        case "cancel_booking" | "cancel_with_flight":
            return "booking-cancelled" if booking.status == "cancelled" else ACCEPTED
        case "capture_payment" if booking.awaits_money:
            return ACCEPTED
        case "capture_payment" | "void_payment":
            return _RESOLVED[booking.status]
        case "reduce_seats":
            if fields["seats"] >= booking.seats:
                return _not_live(booking, now) or "seats-not-fewer"
            return _not_live(booking, now) or _leave(booking, fields.get("passengers", []), fields["seats"])
    if booking.status == "booked":
        return "already-paid"
    if departed and booking.reason in (None, "hold_expired"):
        return "flight-departed"
    price = ACCEPTED if settles(fields["total_cost"], booking.row["total_cost"]) else "price-mismatch"
    return _not_live(booking, now) or price


_BEFORE_DEPARTURE = ("split_booking", "name_passengers", "reduce_seats")
_BY_THE_CUSTOMER = (
    "pay_booking",
    "cancel_booking",
    "reduce_seats",
    "accept_change",
    "name_passengers",
    "split_booking",
)
LIVE_HOLDS = ("initiated", "pending")


def _move(booking: Booking, model: Model, fields: dict[str, Any], now: datetime) -> str:
    target = model.flights.get(fields["flight_id"])
    if booking.status == "cancelled":
        return "booking-cancelled"
    if target is None:
        return "flight-not-found"
    if booking.is_due(now):
        return "hold-expired"
    if booking.row["travel"]:
        return "travel-already-recorded"
    if target is booking.flight:
        return "already-on-flight"
    if target.is_closed(now):
        return "flight-not-bookable"
    if target.row["price"]["currency"] != booking.row["total_cost"]["currency"]:
        return "currency-differs"
    return "not-enough-seats" if booking.seats > target.free(now) else ACCEPTED


def _cancel(booking: Booking, request: Request, departed: bool) -> str:
    """Return the outcome for a live booking."""
    stated, paid = request.fields.get("refund"), booking.cost if booking.status == "booked" else 0
    if departed and request.role != "operator":
        return "flight-departed"
    if departed and booking.status == "booked" and stated is None:
        return "refund-not-stated"
    too_large = isinstance(stated, dict) and stated["amount"] > paid
    return "refund-too-large" if too_large else ACCEPTED


def _party_of(passengers: list[Row], seats: int) -> str:
    """Return the outcome for these passengers on so many seats."""
    types = [passenger["type"] for passenger in passengers]
    if seats_needed(passengers) != seats:
        return "passengers-not-seats"
    return "infant-without-adult" if types.count("infant_on_lap") > types.count("adult") else ACCEPTED


def _leave(booking: Booking, ids: list[str], seats: int) -> str:
    """Return the outcome when these passengers leave, and so many seats stay."""
    passengers = booking.row["passengers"]
    if not {one["id"] for one in passengers}.issuperset(ids):
        return "passenger-unknown"
    if passengers and not ids:
        return "passengers-not-stated"
    return _party_of([one for one in passengers if one["id"] not in ids], seats) if passengers else ACCEPTED


def _split(booking: Booking, ids: list[str]) -> str:
    passengers = booking.row["passengers"]
    if not {one["id"] for one in passengers}.issuperset(ids):
        return "passenger-unknown"
    sides = [[one for one in passengers if (one["id"] in ids) is leaves] for leaves in (True, False)]
    if not all(seats_needed(side) for side in sides):
        return "split-without-seat"
    return next((end for side in sides if (end := _party_of(side, seats_needed(side))) != ACCEPTED), ACCEPTED)


def _travel(booking: Booking, operation: str, ids: list[str], departed: bool) -> str:
    if not departed:
        return "flight-not-departed"
    if booking.status != "booked":
        return "booking-cancelled" if booking.status == "cancelled" else "booking-not-paid"
    passengers = booking.row["passengers"]
    if not {one["id"] for one in passengers}.issuperset(ids):
        return "passenger-unknown"
    chosen = [one for one in passengers if not ids or one["id"] in ids] or [booking.row]
    same = all(f"record_{one.get('travel')}" == operation for one in chosen)
    return "travel-already-recorded" if same else ACCEPTED


def _not_live(booking: Booking, now: datetime) -> str:
    """Return why the booking can be neither paid nor changed; empty when it can."""
    if booking.reason == "hold_expired" or booking.is_due(now):
        return "hold-expired"
    if booking.status == "cancelled":
        return "booking-cancelled"
    return "payment-in-progress" if booking.status == "pending" else ""


_RESOLVED = {
    "initiated": "payment-not-pending",
    "pending": ACCEPTED,
    "booked": "already-paid",
    "cancelled": "booking-cancelled",
}
"""The outcome of a capture or a void, by the booking's status."""


def settle_refund(model: Model, request: Request, now: datetime) -> str:
    refund = model.refunds.get(request.id_of("refund_id"))
    if refund is None:
        return "refund-not-found"
    return "refund-already-settled" if refund["status"] == "settled" else ACCEPTED
