"""What each command on a waiting list must come to, given the log before it."""

from datetime import datetime

from trials.checker.flight_rules import closed
from trials.checker.model import Model
from trials.checker.requests import ACCEPTED, Request


def join(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(request.id_of("flight_id"))
    if not request.may_act_for(fields["user_id"]):
        return "not-your-account"
    if flight is None or flight.is_closed(now):
        return closed(flight)
    if fields["seats"] <= flight.free(now):
        return "seats-available"
    if any(party.user == fields["user_id"] for party in model.waiting(flight.row["id"])):
        return "already-waiting"
    return "party-larger-than-flight" if fields["seats"] > flight.sellable else ACCEPTED


def change(model: Model, request: Request, now: datetime) -> str:
    party = model.parties.get(request.id_of("waiting_id"))
    if party is None or not request.may_act_for(party.user):
        return "waiting-party-not-found"
    waits, closed = party.status == "waiting", model.flights[party.flight].is_closed(now)
    match request.operation:
        case "hold_offer":
            is_new = party.booking is not None and party.booking not in model.bookings
            return ACCEPTED if is_new else "offered-twice"
        case "close_waiting":
            return ACCEPTED if waits and closed else "waiting-not-over"
        case "leave_waitlist" if closed:
            return "not-waiting"
    return ACCEPTED if waits else "not-waiting"
