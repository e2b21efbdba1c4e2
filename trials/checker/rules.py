"""The rules of the ledger, stated a second time: what each command must come to, given the log before it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from trials.checker import booking_rules, flight_rules, itinerary_rules, waiting_rules
from trials.checker.model import Model
from trials.checker.requests import Request


def expected_outcome(model: Model, request: Request, now: datetime) -> str:
    """Return the refusal's code, or "accepted"."""
    rule = _RULES.get(request.operation)
    return rule(model, request, now) if rule else f"no rule for {request.operation}"


def expected_facts(code: str, model: Model, request: Request, now: datetime) -> dict[str, Any]:
    """Return the facts that a refusal with this code must state."""
    fields = request.fields
    if request.operation == "initiate_itinerary":
        return (itinerary_rules.first_refusal(model, request, now) or ("", {}))[1]
    flight = model.flights.get(request.id_of("flight_id"))
    booking = model.bookings.get(request.id_of("booking_id"))
    if code == "not-enough-seats" and flight and booking and request.operation == "move_booking":
        return {"asked": booking.seats, "free": flight.free(now)}
    if code == "not-enough-seats" and flight:
        return {"asked": fields["seats"], "free": flight.free(now)}
    if code == "seats-in-use" and flight:
        return {"in_use": flight.booked + flight.held(now)}
    if code == "seats-not-fewer" and booking:
        return {"seats": booking.seats}
    if code == "refund-already-settled":
        return {"settled_at": model.refunds[request.id_of("refund_id")]["settled_at"]}
    return {}


_RULES: dict[str, Callable[[Model, Request, datetime], str]] = {
    "schedule_flight": flight_rules.schedule,
    "reprice_flight": flight_rules.change,
    "change_cancellation_policy": flight_rules.change,
    "change_flight_seats": flight_rules.change,
    "change_overbooking": flight_rules.change,
    "cancel_flight": flight_rules.change,
    "retime_flight": flight_rules.change,
    "move_all_bookings": flight_rules.change,
    "depart_flight": flight_rules.change,
    "initiate_booking": booking_rules.initiate,
    "join_waitlist": waiting_rules.join,
    "leave_waitlist": waiting_rules.change,
    "offer_seats": waiting_rules.change,
    "hold_offer": waiting_rules.change,
    "close_waiting": waiting_rules.change,
    "settle_refund": booking_rules.settle_refund,
    "pay_booking": booking_rules.change,
    "cancel_booking": booking_rules.change,
    "reduce_seats": booking_rules.change,
    "accept_change": booking_rules.change,
    "move_booking": booking_rules.change,
    "name_passengers": booking_rules.change,
    "split_booking": booking_rules.change,
    "deny_boarding": booking_rules.change,
    "record_flown": booking_rules.change,
    "record_no_show": booking_rules.change,
    "capture_payment": booking_rules.change,
    "void_payment": booking_rules.change,
    "expire_hold": booking_rules.change,
    "cancel_with_flight": booking_rules.change,
    "initiate_itinerary": itinerary_rules.initiate,
    "pay_itinerary": itinerary_rules.change,
    "capture_itinerary": itinerary_rules.change,
    "void_itinerary": itinerary_rules.change,
    "cancel_itinerary": itinerary_rules.change,
}
"""By operation, in the order in which the ledger checks its conditions."""
