"""What each command on a flight must come to, given the log before it."""

from datetime import datetime
from typing import Any

from trials.checker.flights import Flight, instant
from trials.checker.model import Model
from trials.checker.requests import ACCEPTED, Request


def schedule(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    natural_key = (fields["number"], fields["origin"], fields["departs_at"][:10])
    if instant(fields["departs_at"]) <= now and not fields.get("backfill"):
        return "departure-in-past"
    taken = any(flight.natural_key == natural_key for flight in model.flights.values())
    return "flight-already-scheduled" if taken else ACCEPTED


def change(model: Model, request: Request, now: datetime) -> str:
    fields, operation = request.fields, request.operation
    flight = model.flights.get(request.id_of("flight_id"))
    if flight is None:
        return "flight-not-found"
    if request.version not in (None, flight.row["version"]):
        return "stale-version"
    in_use = flight.booked + flight.held(now)
    if operation == "change_flight_seats" and fields["seats"] + flight.overbooking < in_use:
        return "seats-in-use"
    if operation == "change_overbooking" and flight.seats + fields["seats"] < in_use:
        return "seats-in-use"
    if flight.is_cancelled or operation in ("reprice_flight", "change_cancellation_policy"):
        return "flight-not-bookable" if flight.is_closed(now) else ACCEPTED
    if operation == "depart_flight":
        return "flight-departed" if flight.is_departure_recorded else ACCEPTED
    if flight.is_in_the_air(now):
        return "flight-departed"
    if operation == "retime_flight":
        return _retime(flight, model, fields, now)
    if operation == "move_all_bookings":
        targets = [model.flights.get(id) for id in fields["to"]]
        return next((closed(one) for one in targets if one is None or one.is_closed(now)), ACCEPTED)
    return ACCEPTED


def _retime(flight: Flight, model: Model, fields: dict[str, Any], now: datetime) -> str:
    if instant(fields["departs_at"]) <= now:
        return "departure-in-past"
    natural_key = (*flight.natural_key[:2], fields["departs_at"][:10])
    if any(each.natural_key == natural_key for each in model.flights.values() if each is not flight):
        return "flight-already-scheduled"
    same = all(instant(fields[name]) == instant(flight.row[name]) for name in ("departs_at", "arrives_at"))
    return "times-unchanged" if same and natural_key == flight.natural_key else ACCEPTED


def closed(flight: Flight | None) -> str:
    return "flight-not-bookable" if flight else "flight-not-found"
