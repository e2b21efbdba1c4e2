"""Every answer is what the ledger recorded, once, and the ledger recorded nothing else."""

from collections.abc import Iterator

from trials.checker.calls import Call
from trials.checker.history import EXACT, Command, History
from trials.checker.log import Event, Key, Log
from trials.checker.requests import NOT_FOUND, Request, code_of

STATUSES = frozenset({200, 201, 402, 403, 404, 409, 412, 422})
"""The statuses that the contract knows as answers to these callers."""


def check_statuses(history: History) -> Iterator[str]:
    """No call is answered outside the contract."""
    for command in history.commands.values():
        for call in command.tries:
            if call.answered and call.status not in STATUSES:
                yield f"an answer outside the contract: {call}"
            elif call.status == 402 and not history.answers_intent(call.operation):
                yield f"a payment is declined without a gateway: {call}"
    for call in history.reads:
        if call.status != 200:
            yield f"a read of an existing resource was not answered with it: {call}"


def check_unrecorded(history: History) -> Iterator[str]:
    """A refusal that leaves no record has its reason in the call itself."""
    for command in history.commands.values():
        for call in command.tries:
            if not call.answered or call.status not in (403, 404, 412, 422):
                continue
            match code_of(call.text):
                case "idempotency-key-reused":
                    others = [each for each in command.tries if Request.of(each) != Request.of(call)]
                    fault = None if others else "its key was never used for another request"
                case "not-your-account":
                    user = str(Request.of(call).fields.get("user_id"))
                    fault = "the caller may act for it" if Request.of(call).may_act_for(user) else None
                case code if code in NOT_FOUND:
                    # `check_answers` has the reason, at the position that the answer states.
                    fault = "it states no position" if call.position is None else None
                case "stale-version":
                    fault = "it names no version" if call.version is None else None
                case _:
                    fault = "no such refusal is possible"
            if fault:
                yield f"refused, although {fault}: {call}"


def check_acknowledged(history: History) -> Iterator[str]:
    """Each answer is the recorded outcome, and repeats are answered alike."""
    for command in history.commands.values():
        yield from _repeats(command)
        if history.answers_intent(command.tries[0].operation):
            continue
        for call in command.answers:
            if call.status in STATUSES:
                yield from _acknowledged(command, call)
        fresh = [call for call in command.answers if not call.replayed]
        if len(fresh) > 1:
            yield f"answered afresh {len(fresh)} times under one key: {fresh[0]}; {fresh[1]}"


def _acknowledged(command: Command, call: Call) -> Iterator[str]:
    outcome = command.outcome
    if outcome is None:
        yield f"acknowledged, but the ledger has no such command: {call}"
    elif (call.status, call.text) != (outcome.status, outcome.body):
        yield f"the ledger recorded {outcome.status} {outcome.body[:300]}, the answer was: {call}"
    elif outcome.accepted and call.position != outcome.last_position:
        yield f"the answer states position {call.position}, not {outcome.last_position}: {call}"
    elif outcome.accepted != (call.status in (200, 201)):
        yield f"recorded from position {outcome.first_position}, but answered: {call}"


def _repeats(command: Command) -> Iterator[str]:
    """One key is answered for one request only, and always alike."""
    answers = command.answers
    for first, call in zip(answers[:1] * len(answers), answers[1:], strict=False):
        if Request.of(first) != Request.of(call):
            yield f"two requests are answered under one key: {first}; {call}"
        elif (first.status, first.text) != (call.status, call.text):
            yield f"the same key, and another answer: {first}; then {call}"


def check_requested(history: History) -> Iterator[str]:
    """Nothing is recorded that no caller requested, except the ledger's own commands."""
    for outcome in history.log.outcomes:
        if not outcome.is_own and outcome.command not in history.commands:
            yield f"recorded, but no caller requested it: {outcome}"


def check_ranges(history: History) -> Iterator[str]:
    """Each accepted command has one range of positions, and each event is in the range of its command."""
    positions = _positions(history.log.events)
    outcomes = {outcome.command: outcome for outcome in history.log.outcomes}
    for key, found in positions.items():
        if key not in outcomes:
            yield f"events at {found} belong to no recorded command: {key}"
    for key, outcome in outcomes.items():
        expected: list[int] = []
        if outcome.first_position is not None:
            expected = list(range(outcome.first_position, outcome.last_position + 1))
        found = positions.get(key, [])
        if found != expected:
            yield f"{key} is recorded at {expected}, its events stand at {found}"


def _positions(events: list[Event]) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for event in events:
        found.setdefault(event.command, []).append(event.position)
    return found


def check_charges(history: History) -> Iterator[str]:
    """A key charges at most once; so does a booking, unless the payment before was voided or declined."""
    keys: dict[Key, Event] = {}
    bookings: dict[str, Event] = {}
    for event in history.log.events:
        if event.topic in ("booking.payment_voided", "booking.payment_declined"):
            bookings.pop(str(event.subject), None)
        if event.topic not in ("booking.payment_pending", "booking.payment_requested"):
            continue
        for charged in (keys.get(event.command), bookings.get(str(event.subject))):
            if charged and not _is_share_of(charged, event):
                yield f"charged twice: {charged}; {event}"
        keys[event.command] = bookings[str(event.subject)] = event


def _is_share_of(charged: Event, event: Event) -> bool:
    """Return whether both are shares of two bookings in one payment for their itinerary."""
    same_payment = charged.state["payment_id"] == event.state["payment_id"]
    return same_payment and charged.command == event.command and charged.subject != event.subject


def lost_commands(calls: list[Call], log: Log) -> list[str]:
    """Return acknowledged commands that the log lacks or records otherwise.

    `calls` must have been made before the log was read.
    """
    commands = History.of(calls, log, EXACT).commands.values()
    return [str(each) for each in commands if any(_is_lost(each, call) for call in each.answers)]


def _is_lost(command: Command, call: Call) -> bool:
    outcome = command.outcome
    return outcome is None or (call.status, call.text) != (outcome.status, outcome.body)
