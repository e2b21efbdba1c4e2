"""Every answer that a client was given is what the ledger recorded: once, and nothing else besides."""

from collections.abc import Iterator

from trials.checker.history import REUSED, Command, History
from trials.checker.log import Event, Key

ANSWERS = frozenset({200, 201, 404, 409, 412, REUSED})


def check_statuses(history: History) -> Iterator[str]:
    """Nothing but what the contract knows."""
    for command in history.commands.values():
        for call in command.tries:
            if call.answered and call.status not in ANSWERS:
                yield f"an answer that no client should ever get: {call}"
    for call in history.reads:
        if call.status != 200:
            yield f"a read of what is there was not answered with it: {call}"


def check_acknowledged(history: History) -> Iterator[str]:
    """What a client was told is what is recorded, and repeats are told the same."""
    for command in history.commands.values():
        yield from _acknowledged(command)


def _acknowledged(command: Command) -> Iterator[str]:
    outcome = command.outcome
    for call in command.answers:
        if call.status not in ANSWERS:
            continue
        if outcome is None:
            yield f"acknowledged, but the ledger has no such command: {call}"
        elif (call.status, call.text) != (outcome.status, outcome.body):
            yield f"the ledger recorded {outcome.status} {outcome.body[:300]}, the client was told: {call}"
        elif outcome.accepted and call.position != outcome.last_position:
            yield f"the client was told position {call.position}, not {outcome.last_position}: {call}"
        elif outcome.accepted != (call.status in (200, 201)):
            yield f"recorded from position {outcome.first_position}, but answered: {call}"
    fresh = [call for call in command.answers if not call.replayed]
    if len(fresh) > 1:
        yield f"answered afresh {len(fresh)} times under one key: {fresh[0]}; {fresh[1]}"


def check_asked_for(history: History) -> Iterator[str]:
    """Nothing is recorded that nobody asked for, but for the ledger's own commands."""
    for outcome in history.log.outcomes:
        if not outcome.is_the_ledgers_own and outcome.command not in history.commands:
            yield f"recorded, but nobody asked for it: {outcome}"


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
    """A key charges at most once, and so does a booking, unless the payment before was voided."""
    keys: dict[Key, Event] = {}
    bookings: dict[str, Event] = {}
    for event in history.log.events:
        if event.topic == "booking.payment_voided":
            bookings.pop(str(event.subject), None)
        if event.topic != "booking.payment_pending":
            continue
        for charged in (keys.get(event.command), bookings.get(str(event.subject))):
            if charged:
                yield f"charged twice: {charged}; {event}"
        keys[event.command] = bookings[str(event.subject)] = event
