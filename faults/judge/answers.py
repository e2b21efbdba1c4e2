"""Every answer, accepted, refused or read, is what the fold of the log says at its position."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from faults.judge.history import Clock, Command, History
from faults.judge.log import Outcome
from faults.judge.model import Model, instant
from faults.records import Call

PAGE = 50

Check = Callable[[Model], Iterator[str]]


def check_events(history: History) -> Iterator[str]:
    """No flight is oversold at any position, no hold is paid after its end or expires before it."""
    model = Model()
    for event in history.log.events:
        try:
            yield from model.apply(event)
        except KeyError as error:
            yield f"the event speaks of {error}, of which the log has nothing: {event}"
            return


def check_answers(history: History) -> Iterator[str]:
    """At every position, all that was answered for it is what the fold says."""
    model = Model()
    checks = _by_position(history)
    for check in checks.pop(0, []):
        yield from check(model)
    for event in history.log.events:
        try:
            model.apply(event)
        except KeyError:
            return
        for check in checks.pop(event.position, []):
            yield from check(model)
    for position in islice(sorted(checks), 3):
        yield f"answers speak of position {position}, the log ends at {len(history.log.events)}"


def _by_position(history: History) -> dict[int, list[Check]]:
    found: dict[int, list[Check]] = {}
    for command in history.commands.values():
        if command.outcome:
            found.setdefault(command.outcome.last_position, []).append(_command_check(command))
    for call in history.reads:
        if call.status == 200 and call.position is not None:
            found.setdefault(call.position, []).append(_read_check(call, history.clock))
    return found


def _command_check(command: Command) -> Check:
    outcome = command.outcome
    assert outcome is not None
    body = json.loads(outcome.body)
    asked = json.loads(command.tries[0].body)
    if outcome.accepted:
        return lambda model: _accepted(model, outcome, body, command)
    return lambda model: _refused(model, outcome, body, asked, command)


def _accepted(model: Model, outcome: Outcome, body: Any, command: Command) -> Iterator[str]:
    booking = body["booking"] if outcome.operation == "pay_booking" else body
    expected = model.bookings.get(booking["id"]) or _flight(model, booking["id"])
    if booking != expected:
        yield f"the fold says {expected} at position {outcome.last_position}, the answer was {command}"
    elif booking is not body and body["payment_id"] != expected["payment"]["payment_id"]:
        yield f"the fold says {expected}, the answer names another payment: {command}"


def _refused(model: Model, outcome: Outcome, body: Any, asked: Any, command: Command) -> Iterator[str]:
    """A refusal must have had its reason at that position and instant."""
    code = body.get("code")
    in_path = f"{command.tries[0].path}//".split("/")[2]
    booking_id = asked.get("booking_id", in_path)
    booking, reason = model.bookings.get(booking_id), model.reasons.get(booking_id)
    flight = model.flights.get(asked.get("flight_id", in_path))
    holds = False
    match code:
        case "not-enough-seats" if flight:
            free = flight.seats - flight.booked - flight.held(outcome.recorded_at)
            holds = body["free"] == free < asked["seats"] == body["asked"]
        case "seats-in-use" if flight:
            used = flight.booked + flight.held(outcome.recorded_at)
            holds = body["in_use"] == used > asked["seats"]
        case "hold-expired" if booking:
            due = booking["status"] == "initiated" and instant(booking["expires_at"]) <= outcome.recorded_at
            holds = due or reason == "hold_expired"
        case "booking-cancelled":
            holds = reason is not None
        case "already-paid" if booking:
            holds = booking["status"] == "booked"
        case "price-mismatch" if booking:
            holds = booking["total_cost"] != asked["total_cost"]
        case "flight-already-scheduled":
            numbers = [each.shown["number"] for each in model.flights.values()]
            holds = asked["number"] in numbers
    if not holds:
        where = f"position {outcome.last_position} ({outcome.recorded_at})"
        yield f"refused without a reason at {where}: {command}"


def _read_check(call: Call, clock: Clock) -> Check:
    body = json.loads(call.text)
    if call.operation == "availability":
        earliest, latest = _moment(call.sent_at) + clock[0], _moment(call.ended_at) + clock[1]
        return lambda model: _availability(model, call, body, earliest, latest)
    return lambda model: _READ_CHECKS[call.operation](model, call, body)


def _availability(model: Model, call: Call, body: Any, earliest: datetime, latest: datetime) -> Iterator[str]:
    """Holds run out by themselves, so any instant between question and answer may have been meant."""
    flight = model.flights[body["flight_id"]]
    most, least = flight.held(max(earliest, model.time)), flight.held(max(latest, model.time))
    used = body["held"] + body["booked"]
    if body["seats"] != used + body["available"]:
        yield f"seats, held, booked and available do not add up: {call}"
    elif (body["seats"], body["booked"]) != (flight.seats, flight.booked):
        yield f"the fold says {flight.seats} seats, {flight.booked} booked at {call.position}: {call}"
    elif not least <= body["held"] <= most:
        yield f"the fold says {least} to {most} seats held at {call.position}: {call}"


def _booking(model: Model, call: Call, body: Any) -> Iterator[str]:
    expected = model.bookings.get(body["id"])
    if body != expected:
        yield f"the fold says {expected} at {call.position}: {call}"


def _flight_read(model: Model, call: Call, body: Any) -> Iterator[str]:
    expected = _flight(model, body["id"])
    if body != expected:
        yield f"the fold says {expected} at {call.position}: {call}"


def _bookings(model: Model, call: Call, body: Any) -> Iterator[str]:
    """The newest page of the caller's own bookings."""
    own = [booking for booking in model.bookings.values() if booking["user_id"] == call.who]
    expected = sorted(own, key=lambda booking: str(booking["id"]), reverse=True)[:PAGE]
    if body["data"] != expected:
        yield f"the fold lists {[each['id'] for each in expected]} at {call.position}: {call}"


def _flight(model: Model, id: str) -> Any:
    flight = model.flights.get(id)
    return flight and flight.shown


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_READ_CHECKS: dict[str, Callable[[Model, Call, Any], Iterator[str]]] = {
    "booking": _booking,
    "bookings": _bookings,
    "flight": _flight_read,
}
