"""Every answer, accepted, refused or read, is what the fold of the log says at its position."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from trials.checker.calls import Call
from trials.checker.flights import Row, instant, without_local_times
from trials.checker.history import Clock, Command, History
from trials.checker.itineraries import Itinerary, ItineraryCommands
from trials.checker.log import Outcome
from trials.checker.model import Model, Party
from trials.checker.requests import ACCEPTED, Request, code_of
from trials.checker.rules import expected_facts, expected_outcome
from trials.checker.waiting import WaitingLists

Check = Callable[[Model], Iterator[str]]

STATUSES = {"payment-declined": 402}
"""The HTTP status of a recorded refusal, by the end of its code; 409 for any other."""


def check_events(history: History) -> Iterator[str]:
    """No event is impossible at its position: nothing is oversold, too early or too late, or out of turn."""
    model = Model()
    lists, itineraries = WaitingLists(model), ItineraryCommands(model)
    outcomes = {outcome.first_position: outcome for outcome in history.log.outcomes}
    for event in history.log.events:
        try:
            if outcome := outcomes.get(event.position):
                yield from lists.before_command(outcome)
                yield from itineraries.before_command(outcome)
            yield from lists.before_event(event)
            itineraries.before_event(event)
            yield from model.apply(event)
            lists.after_event(event)
            yield from itineraries.after_event(event)
        except KeyError as error:
            yield f"the event refers to {error}, which the log does not have: {event}"
            return
    yield from model.left_behind()
    yield from model.untold()
    yield from lists.at_rest()
    yield from itineraries.at_rest()
    yield from _check_seats(model, history)


def _check_seats(model: Model, history: History) -> Iterator[str]:
    """The ledger's seat counts are the fold of the log."""
    for count in history.log.seats or ():
        flight = model.flights.get(str(count.flight))
        expected = flight and (flight.seats, flight.counted_holds, flight.booked, flight.overbooking)
        if (count.seats, count.held, count.booked, count.overbooking) != expected:
            yield f"the fold counts {expected} seats, held, booked and overbooked: {count}"
        if flight and flight.is_cancelled and flight.live:
            yield f"seats of a cancelled flight are in use by {flight.live}"
    if history.log.seats is not None and len(history.log.seats) != len(model.flights):
        yield f"{len(history.log.seats)} flights have a seat count, the log has {len(model.flights)} flights"


def check_answers(history: History) -> Iterator[str]:
    """At every position, each answer and each recorded outcome is what the fold and the rules say."""
    model = Model()
    before, after = _checks(history)
    for check in after.pop(0, []):
        yield from check(model)
    for event in history.log.events:
        for check in before.pop(event.position, []):
            yield from check(model)
        try:
            model.apply(event)
        except KeyError:
            return
        for check in after.pop(event.position, []):
            yield from check(model)
    for position in islice(sorted(after), 3):
        yield f"answers state position {position}, the log ends at {len(history.log.events)}"


def _checks(history: History) -> tuple[dict[int, list[Check]], dict[int, list[Check]]]:
    """Return the checks to make before and after the event of each position."""
    before: dict[int, list[Check]] = {}
    after: dict[int, list[Check]] = {}
    for outcome in history.log.outcomes:
        command = history.commands.get(outcome.command)
        if history.has_gateway and (outcome.is_own or history.answers_intent(outcome.operation)):
            continue
        if outcome.first_position is not None:
            before.setdefault(outcome.first_position, []).append(_rule_check(outcome, command))
        if command is not None and not outcome.is_own:
            answer = _answer_check(outcome, command)
            after.setdefault(outcome.last_position, []).append(answer)
        elif outcome.is_own and not outcome.accepted:
            after.setdefault(outcome.last_position, []).append(_rule_check(outcome, command))
    for call in (call for command in history.commands.values() for call in command.tries):
        if call.answered and call.status == 404 and call.position is not None:
            after.setdefault(call.position, []).append(_absence_check(call))
    for call in history.reads:
        if call.status == 200 and call.position is not None and not history.has_gateway:
            after.setdefault(call.position, []).append(_read_check(call, history.clock))
    for command in history.commands.values():
        for call in command.tries:
            if call.status == 412 and call.position is not None and not history.has_gateway:
                after.setdefault(call.position, []).append(_stale_check(call))
    return before, after


def _rule_check(outcome: Outcome, command: Command | None) -> Check:
    return lambda model: _by_the_rules(model, outcome, command)


def _by_the_rules(model: Model, outcome: Outcome, command: Command | None) -> Iterator[str]:
    """The recorded outcome is what the rules say of the log before it, at the log's own time."""
    actual = ACCEPTED if outcome.accepted else code_of(outcome.body)
    requests = [Request.own(outcome)] if outcome.is_own else command.requests if command else []
    expected = [expected_outcome(model, request, outcome.recorded_at) for request in requests]
    if requests and actual not in expected:
        what = f"{outcome.operation} {outcome.key} is {actual}, by the rules {expected[0]}"
        yield f"{what}: {command or outcome}"


def _answer_check(outcome: Outcome, command: Command) -> Check:
    body = msgspec.json.decode(outcome.body)
    if outcome.accepted:
        return lambda model: _accepted(model, outcome, body, command)
    return lambda model: _refused(model, outcome, body, command)


def _accepted(model: Model, outcome: Outcome, body: Any, command: Command) -> Iterator[str]:
    """The answer is the row of the flight, the booking or, after a settlement, the refund."""
    if outcome.operation.endswith("_itinerary"):
        yield from _accepted_itinerary(model, outcome, body, command)
        return
    if outcome.operation == "move_all_bookings":
        yield from _accepted_moves(model, body, command)
        return
    row = body["booking"] if outcome.operation == "pay_booking" else body
    if party := model.parties.get(row["id"]):
        answer = Party(row["flight_id"], row["user_id"], row["seats"], row["status"], row["booking_id"])
        if answer != party:
            yield f"the fold says {party} at position {outcome.last_position}, the answer was {command}"
        return
    expected = model.find(row["id"])
    if without_local_times(row) != expected:
        yield f"the fold says {expected} at position {outcome.last_position}, the answer was {command}"
    elif row is not body and body["payment_id"] != row["payment"]["payment_id"]:
        yield f"the fold says {expected}, the answer names another payment: {command}"
    voided = outcome.operation == "void_payment" and row["status"] == "initiated"
    if voided and instant(row["expires_at"]) <= outcome.recorded_at:
        yield f"a void leaves a hold that has run out: {command}"


def _accepted_moves(model: Model, body: Any, command: Command) -> Iterator[str]:
    """All bookings that moved are where the answer says, all others are named, and found no seats."""
    request = command.requests[0]
    targets = [model.flights[id] for id in request.fields["to"]]
    for one in body["moved"]:
        if model.bookings[one["booking_id"]].flight is not model.flights[one["flight_id"]]:
            yield f"{one['booking_id']} was not moved to {one['flight_id']}: {command}"
    left = {one["booking_id"]: one["reason"] for one in body["not_moved"]}
    if left.keys() != set(model.flights[request.subject].live):
        yield f"bookings that did not move are {model.flights[request.subject].live}: {command}"
    for id, reason in left.items():
        booking = model.bookings[id]
        fits = any(booking.seats <= target.free(model.time) for target in targets)
        if reason == "not-enough-seats" and fits:
            yield f"{id} was left, and there are seats for it: {command}"


def _flights_and_seats(bookings: Iterable[Row]) -> list[tuple[Any, Any]]:
    return [(one["flight_id"], one["seats"]) for one in bookings]


def _accepted_itinerary(model: Model, outcome: Outcome, body: Any, command: Command) -> Iterator[str]:
    row = body["itinerary"] if outcome.operation == "pay_itinerary" else body
    itinerary = Itinerary.of(model, row["id"])
    expected = itinerary and itinerary.row
    requested = [_flights_and_seats(request.fields.get("bookings") or ()) for request in command.requests]
    made = _flights_and_seats(row["bookings"])
    if outcome.operation == "initiate_itinerary" and made not in requested:
        yield f"{made} are made of what was requested: {command}"
    if row != expected:
        yield f"the fold says {expected} at position {outcome.last_position}, the answer was {command}"
    elif row is not body and body["payment_id"] != row["payment"]["payment_id"]:
        yield f"the fold says {expected}, the answer names another payment: {command}"


def _refused(model: Model, outcome: Outcome, body: Any, command: Command) -> Iterator[str]:
    """The refusal is the one that the rules demand, with its facts and its status."""
    code, now = str(body.get("code")), outcome.recorded_at
    status = next((status for end, status in STATUSES.items() if code.endswith(end)), 409)
    for request in command.requests:
        if expected_outcome(model, request, now) == code:
            facts = expected_facts(code, model, request, now)
            if outcome.status == status and facts.items() <= body.items():
                return
    expected = expected_outcome(model, command.requests[0], now)
    where = f"position {outcome.last_position} ({now})"
    yield f"refused without a reason at {where}, by the rules {expected}: {command}"


def _absence_check(call: Call) -> Check:
    return lambda model: _absent(model, call)


def _absent(model: Model, call: Call) -> Iterator[str]:
    """An answer 404 is not recorded. At the position that it states, its caller finds nothing."""
    expected = expected_outcome(model, Request.of(call), _moment(call.ended_at))
    if code_of(call.text) != expected:
        yield f"refused without a reason at position {call.position}, by the rules {expected}: {call}"


def _stale_check(call: Call) -> Check:
    """A refusal for another version leaves no record: the fold at its position has another version."""

    def check(model: Model) -> Iterator[str]:
        expected = expected_outcome(model, Request.of(call), model.time)
        if expected != "stale-version":
            yield f"refused for its version at position {call.position}, by the rules {expected}: {call}"

    return check


def _read_check(call: Call, clock: Clock) -> Check:
    body = msgspec.json.decode(call.text)
    if call.operation == "availability":
        earliest, latest = _moment(call.sent_at) + clock[0], _moment(call.ended_at) + clock[1]
        return lambda model: _availability(model, call, body, earliest, latest)
    return lambda model: _READ_CHECKS[call.operation](model, call, body)


def _availability(model: Model, call: Call, body: Any, earliest: datetime, latest: datetime) -> Iterator[str]:
    """Holds run out by themselves: the answer is right for some instant between request and answer."""
    flight = model.flights[body["flight_id"]]
    most, least = flight.held(max(earliest, model.time)), flight.held(max(latest, model.time))
    used = body["held"] + body["booked"]
    if body["seats"] + body["overbooking"] != used + body["available"]:
        yield f"seats, held, booked and available do not add up: {call}"
    elif (body["seats"], body["overbooking"]) != (flight.seats, flight.overbooking):
        yield f"the fold says {flight.seats} and {flight.overbooking} seats at {call.position}: {call}"
    elif body["booked"] != flight.booked:
        yield f"the fold says {flight.seats} seats, {flight.booked} booked at {call.position}: {call}"
    elif not least <= body["held"] <= most:
        yield f"the fold says {least} to {most} seats held at {call.position}: {call}"


def _one(model: Model, call: Call, body: Any) -> Iterator[str]:
    expected = model.find(body["id"])
    if without_local_times(body) != expected:
        yield f"the fold says {expected} at {call.position}: {call}"


def _itinerary(model: Model, call: Call, body: Any) -> Iterator[str]:
    itinerary = Itinerary.of(model, body["id"])
    if itinerary is None or body != itinerary.row:
        yield f"the fold says {itinerary and itinerary.row} at {call.position}: {call}"


def _waiting_party(model: Model, call: Call, body: Any) -> Iterator[str]:
    party = model.parties.get(body["id"])
    found = (body["flight_id"], body["user_id"], body["seats"], body["booking_id"])
    if party is None or found != (party.flight, party.user, party.seats, party.booking):
        yield f"the fold says {party} at {call.position}: {call}"


def _bookings(model: Model, call: Call, body: Any) -> Iterator[str]:
    """The newest page of the caller's own bookings."""
    rows = [booking.row for booking in model.bookings.values()]
    own = [row for row in rows if row["user_id"] == call.who]
    yield from _page(call, body, sorted(own, key=_id, reverse=True))


def _by_reference(model: Model, call: Call, body: Any) -> Iterator[str]:
    """The caller's booking with that reference, in upper or lower case, or none."""
    (reference,) = parse_qs(urlsplit(call.path).query)["reference"]
    rows = (booking.row for booking in model.bookings.values())
    own = [row for row in rows if (row["user_id"], row["reference"]) == (call.who, reference.upper())]
    yield from _page(call, body, own)


def _refunds(model: Model, call: Call, body: Any) -> Iterator[str]:
    """The oldest page of refunds that are due."""
    due = [refund for refund in model.refunds.values() if refund["status"] == "due"]
    yield from _page(call, body, sorted(due, key=_id))


def _page(call: Call, body: Any, rows: list[Any]) -> Iterator[str]:
    (limit,) = parse_qs(urlsplit(call.path).query)["limit"]
    expected = rows[: int(limit)]
    if last := body.get("last"):
        # A part of a page of several ledgers, which ends with this id.
        is_descending = call.operation != "refunds"
        expected = [row for row in rows if (_id(row) >= last if is_descending else _id(row) <= last)]
    if body["data"] != expected:
        yield f"the fold lists {[_id(each) for each in expected]} at {call.position}: {call}"


def _id(row: Any) -> str:
    return str(row["id"])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_READ_CHECKS: dict[str, Callable[[Model, Call, Any], Iterator[str]]] = {
    "booking": _one,
    "bookings": _bookings,
    "by_reference": _by_reference,
    "flight": _one,
    "itinerary": _itinerary,
    "refunds": _refunds,
    "waiting_party": _waiting_party,
}
