"""The rules of the ledger, stated a second time: what each command must come to, given the log before it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from trials.checker import itinerary_rules
from trials.checker.bookings import Booking, seats_needed
from trials.checker.calls import Call
from trials.checker.flights import Flight, Row, instant
from trials.checker.log import LEDGER, Outcome
from trials.checker.model import Model
from trials.checker.prices import settles

ACCEPTED = "accepted"

NOT_FOUND = frozenset(
    {
        "booking-not-found",
        "flight-not-found",
        "itinerary-not-found",
        "refund-not-found",
        "waiting-party-not-found",
    }
)
NOT_RECORDED = NOT_FOUND | {
    "hold-not-due",
    "idempotency-key-reused",
    "not-your-account",
    "stale-version",
    "waiting-not-over",
}
"""Refusals that leave no record: the same key may be used again."""

_UUID_CHARACTERS = 36


@dataclass(frozen=True, slots=True)
class Request:
    """One command as plain data. `subject` is the id in its path; `version` the one of If-Match."""

    operation: str
    actor: str
    role: str
    subject: str
    body: str
    version: int | None

    @classmethod
    def of(cls, call: Call) -> "Request":
        subject = f"{call.path}//".split("/")[2]
        return cls(call.operation, call.who, call.role, subject, call.body, call.version)

    @classmethod
    def own(cls, outcome: Outcome) -> "Request":
        """The ledger's own command: its key begins with the id of its subject."""
        subject = outcome.key[:_UUID_CHARACTERS]
        return cls(outcome.operation, LEDGER, "operator", subject, "", None)

    @property
    def fields(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body) if self.body else {}

    def may_act_for(self, user: str) -> bool:
        return self.role == "operator" or self.actor == user


def code_of(body: str) -> str | None:
    """Return the code of a refusal, None for any other body."""
    if '"code"' not in body:
        return None
    decoded = msgspec.json.decode(body)
    return decoded.get("code") if isinstance(decoded, dict) else None


def expected_outcome(model: Model, request: Request, now: datetime) -> str:
    """Return the refusal's code, or "accepted"."""
    rule = _RULES.get(request.operation)
    return rule(model, request, now) if rule else f"no rule for {request.operation}"


def expected_facts(code: str, model: Model, request: Request, now: datetime) -> dict[str, Any]:
    """Return the facts that a refusal with this code must state."""
    fields = request.fields
    if request.operation == "initiate_itinerary":
        return (itinerary_rules.first_refusal(model, request, now) or ("", {}))[1]
    flight = model.flights.get(fields.get("flight_id", request.subject))
    booking = model.bookings.get(fields.get("booking_id", request.subject))
    if code == "not-enough-seats" and flight and booking and request.operation == "move_booking":
        return {"asked": booking.seats, "free": flight.free(now)}
    if code == "not-enough-seats" and flight:
        return {"asked": fields["seats"], "free": flight.free(now)}
    if code == "seats-in-use" and flight:
        return {"in_use": flight.booked + flight.held(now)}
    if code == "seats-not-fewer" and booking:
        return {"seats": booking.seats}
    if code == "refund-already-settled":
        return {"settled_at": model.refunds[_refund_id(request)]["settled_at"]}
    return {}


def _schedule(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    natural_key = (fields["number"], fields["origin"], fields["departs_at"][:10])
    if instant(fields["departs_at"]) <= now and not fields.get("backfill"):
        return "departure-in-past"
    taken = any(flight.natural_key == natural_key for flight in model.flights.values())
    return "flight-already-scheduled" if taken else ACCEPTED


def _change_flight(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(fields.get("flight_id", request.subject))
    if flight is None:
        return "flight-not-found"
    if request.version not in (None, flight.row["version"]):
        return "stale-version"
    in_use = flight.booked + flight.held(now)
    if request.operation == "change_flight_seats" and fields["seats"] + flight.overbooking < in_use:
        return "seats-in-use"
    if request.operation == "change_overbooking" and flight.seats + fields["seats"] < in_use:
        return "seats-in-use"
    if flight.is_cancelled or request.operation in ("reprice_flight", "change_cancellation_policy"):
        return "flight-not-bookable" if flight.is_closed(now) else ACCEPTED
    if request.operation == "depart_flight":
        return "flight-departed" if flight.is_departure_recorded else ACCEPTED
    return "flight-departed" if flight.is_in_the_air(now) else ACCEPTED


def _retime(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(fields.get("flight_id", request.subject))
    if flight is None:
        return "flight-not-found"
    if request.version not in (None, flight.row["version"]):
        return "stale-version"
    if flight.is_cancelled:
        return "flight-not-bookable"
    if flight.is_in_the_air(now):
        return "flight-departed"
    if instant(fields["departs_at"]) <= now:
        return "departure-in-past"
    natural_key = (*flight.natural_key[:2], fields["departs_at"][:10])
    if any(each.natural_key == natural_key for each in model.flights.values() if each is not flight):
        return "flight-already-scheduled"
    same = all(instant(fields[name]) == instant(flight.row[name]) for name in ("departs_at", "arrives_at"))
    return "times-unchanged" if same and natural_key == flight.natural_key else ACCEPTED


def _move_all(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(fields.get("flight_id", request.subject))
    if flight is None:
        return "flight-not-found"
    if request.version not in (None, flight.row["version"]):
        return "stale-version"
    if flight.is_cancelled:
        return "flight-not-bookable"
    if flight.is_in_the_air(now):
        return "flight-departed"
    targets = [model.flights.get(id) for id in fields["to"]]
    return next((_closed(one) for one in targets if one is None or one.is_closed(now)), ACCEPTED)


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


def _initiate(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(fields["flight_id"])
    if not request.may_act_for(fields["user_id"]):
        return "not-your-account"
    if flight is None or flight.is_closed(now):
        return _closed(flight)
    if fields["seats"] > flight.free(now):
        return "not-enough-seats"
    return _party_of(fields["passengers"], fields["seats"]) if "passengers" in fields else ACCEPTED


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


def _join(model: Model, request: Request, now: datetime) -> str:
    fields = request.fields
    flight = model.flights.get(fields.get("flight_id", request.subject))
    if not request.may_act_for(fields["user_id"]):
        return "not-your-account"
    if flight is None or flight.is_closed(now):
        return _closed(flight)
    if fields["seats"] <= flight.free(now):
        return "seats-available"
    if any(party.user == fields["user_id"] for party in model.waiting(flight.row["id"])):
        return "already-waiting"
    return "party-larger-than-flight" if fields["seats"] > flight.sellable else ACCEPTED


def _closed(flight: Flight | None) -> str:
    return "flight-not-bookable" if flight else "flight-not-found"


def _party(model: Model, request: Request, now: datetime) -> str:
    party = model.parties.get(request.fields.get("waiting_id", request.subject))
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


def _settle_refund(model: Model, request: Request, now: datetime) -> str:
    refund = model.refunds.get(_refund_id(request))
    if refund is None:
        return "refund-not-found"
    return "refund-already-settled" if refund["status"] == "settled" else ACCEPTED


def _refund_id(request: Request) -> str:
    return str(request.fields.get("refund_id", request.subject))


def _change_booking(model: Model, request: Request, now: datetime) -> str:
    fields, operation = request.fields, request.operation
    booking = model.bookings.get(fields.get("booking_id", request.subject))
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
    match operation:
        case "move_booking":
            return _move(booking, model, fields, now)
        case "split_booking":
            if departed and booking.status != "cancelled":
                return "flight-departed"
            return _not_live(booking, now) or _split(booking, fields["passengers"])
        case "name_passengers":
            if departed and booking.status != "cancelled":
                return "flight-departed"
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
            if departed and booking.status != "cancelled":
                return "flight-departed"
            if fields["seats"] >= booking.seats:
                return _not_live(booking, now) or "seats-not-fewer"
            return _not_live(booking, now) or _leave(booking, fields.get("passengers", []), fields["seats"])
    if booking.status == "booked":
        return "already-paid"
    if departed and booking.reason in (None, "hold_expired"):
        return "flight-departed"
    price = ACCEPTED if settles(fields["total_cost"], booking.row["total_cost"]) else "price-mismatch"
    return _not_live(booking, now) or price


_BY_THE_CUSTOMER = (
    "pay_booking",
    "cancel_booking",
    "reduce_seats",
    "accept_change",
    "name_passengers",
    "split_booking",
)
LIVE_HOLDS = ("initiated", "pending")


def _cancel(booking: Booking, request: Request, departed: bool) -> str:
    """Return the outcome for a live booking."""
    stated, paid = request.fields.get("refund"), booking.cost if booking.status == "booked" else 0
    if departed and request.role != "operator":
        return "flight-departed"
    if departed and booking.status == "booked" and stated is None:
        return "refund-not-stated"
    too_large = isinstance(stated, dict) and stated["amount"] > paid
    return "refund-too-large" if too_large else ACCEPTED


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

_RULES: dict[str, Callable[[Model, Request, datetime], str]] = {
    "schedule_flight": _schedule,
    "reprice_flight": _change_flight,
    "change_cancellation_policy": _change_flight,
    "change_flight_seats": _change_flight,
    "change_overbooking": _change_flight,
    "cancel_flight": _change_flight,
    "retime_flight": _retime,
    "move_all_bookings": _move_all,
    "depart_flight": _change_flight,
    "initiate_booking": _initiate,
    "join_waitlist": _join,
    "leave_waitlist": _party,
    "offer_seats": _party,
    "hold_offer": _party,
    "close_waiting": _party,
    "settle_refund": _settle_refund,
    "pay_booking": _change_booking,
    "cancel_booking": _change_booking,
    "reduce_seats": _change_booking,
    "accept_change": _change_booking,
    "move_booking": _change_booking,
    "name_passengers": _change_booking,
    "split_booking": _change_booking,
    "deny_boarding": _change_booking,
    "record_flown": _change_booking,
    "record_no_show": _change_booking,
    "capture_payment": _change_booking,
    "void_payment": _change_booking,
    "expire_hold": _change_booking,
    "cancel_with_flight": _change_booking,
    "initiate_itinerary": itinerary_rules.initiate,
    "pay_itinerary": itinerary_rules.change,
    "capture_itinerary": itinerary_rules.change,
    "void_itinerary": itinerary_rules.change,
    "cancel_itinerary": itinerary_rules.change,
}
"""By operation, in the order in which the ledger checks its conditions."""
