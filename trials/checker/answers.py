"""Every answer, accepted, refused or read, is what the fold of the log says at its position."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

from trials.checker.bookings import instant
from trials.checker.calls import Call
from trials.checker.history import Clock, Command, History
from trials.checker.log import Outcome
from trials.checker.model import Model
from trials.checker.refusals import had_its_reason

Check = Callable[[Model], Iterator[str]]


def check_events(history: History) -> Iterator[str]:
    """No event is impossible where it stands: nothing oversold, nothing before or after its time."""
    model = Model()
    for event in history.log.events:
        try:
            yield from model.apply(event)
        except KeyError as error:
            yield f"the event speaks of {error}, of which the log has nothing: {event}"
            return
    yield from model.left_behind()


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
    if outcome.accepted:
        return lambda model: _accepted(model, outcome, body, command)
    return lambda model: _refused(model, outcome, body, command)


def _accepted(model: Model, outcome: Outcome, body: Any, command: Command) -> Iterator[str]:
    """The flight, the booking or, of a settlement, the refund."""
    told = body["booking"] if outcome.operation == "pay_booking" else body
    expected = model.find(told["id"])
    if told != expected:
        yield f"the fold says {expected} at position {outcome.last_position}, the answer was {command}"
    elif told is not body and body["payment_id"] != told["payment"]["payment_id"]:
        yield f"the fold says {expected}, the answer names another payment: {command}"
    voided = outcome.operation == "void_payment" and told["status"] == "initiated"
    if voided and instant(told["expires_at"]) <= outcome.recorded_at:
        yield f"a void leaves a hold that has run out: {command}"


def _refused(model: Model, outcome: Outcome, body: Any, command: Command) -> Iterator[str]:
    if not had_its_reason(model, outcome, body, command):
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


def _one(model: Model, call: Call, body: Any) -> Iterator[str]:
    expected = model.find(body["id"])
    if body != expected:
        yield f"the fold says {expected} at {call.position}: {call}"


def _bookings(model: Model, call: Call, body: Any) -> Iterator[str]:
    """The newest page of the caller's own bookings."""
    shown = [booking.shown for booking in model.bookings.values()]
    own = [each for each in shown if each["user_id"] == call.who]
    yield from _page(call, body, sorted(own, key=_id, reverse=True))


def _refunds(model: Model, call: Call, body: Any) -> Iterator[str]:
    """The oldest page of what is due."""
    due = [refund for refund in model.refunds.values() if refund["status"] == "due"]
    yield from _page(call, body, sorted(due, key=_id))


def _page(call: Call, body: Any, found: list[Any]) -> Iterator[str]:
    (limit,) = parse_qs(urlsplit(call.path).query)["limit"]
    expected = found[: int(limit)]
    if body["data"] != expected:
        yield f"the fold lists {[_id(each) for each in expected]} at {call.position}: {call}"


def _id(shown: Any) -> str:
    return str(shown["id"])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_READ_CHECKS: dict[str, Callable[[Model, Call, Any], Iterator[str]]] = {
    "booking": _one,
    "bookings": _bookings,
    "flight": _one,
    "refunds": _refunds,
}
