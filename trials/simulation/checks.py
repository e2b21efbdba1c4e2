"""The checks of a simulated history: the common checker's, and those that only a simulation can make.

The simulation has the tables in memory and observes every moment, so it also checks the order of commits, the
hashes, and the views against the program's own fold.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from domain.booking import Booking
from domain.caller import SYSTEM
from domain.flight import Flight
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger.chain import GENESIS, link, outcome_hash
from ledger.log import RecordedEvent, fold
from ledger.submission import Answer, CommandKey
from trials.checker import check
from trials.checker.log import Event, Log, Outcome, SeatCount
from trials.checker.requests import NOT_RECORDED, code_of
from trials.simulation.database import Database
from trials.simulation.world import Arrival, World


def violations(world: World) -> Iterator[str]:
    """Yield each violation as a sentence."""
    database = world.database
    yield from check(world.calls, _log(database))
    for rule in (_check_chain(database), _check_commits(database), _check_views(database)):
        yield from rule
    yield from _check_moments(database, world.arrivals)
    yield from _check_order(world)


def _log(database: Database) -> Log:
    """Return the twin's tables as plain data."""
    events = [
        Event(
            event.position,
            event.originator_id,
            event.originator_version,
            event.topic,
            msgspec.json.decode(event.state),
            event.actor,
            event.operation,
            event.causation_id,
            event.recorded_at,
        )
        for event in database.events
    ]
    outcomes = [
        Outcome(
            command.actor,
            command.operation,
            command.key,
            command.status,
            command.body,
            command.first_position,
            command.last_position,
            command.recorded_at,
            command.correlation_id,
        )
        for command in database.commands.values()
    ]
    return Log(events, outcomes, [SeatCount(id, *counts) for id, counts in database.seats.items()])


def _check_chain(database: Database) -> Iterator[str]:
    previous = GENESIS
    for event in database.events:
        if event.hash != link(previous, event):
            yield f"the chain breaks at {event.position}"
        previous = event.hash


def _check_commits(database: Database) -> Iterator[str]:
    """In commit order, commands follow each other without a gap, and each event commits to its outcome."""
    position = 0
    for command in database.commands.values():
        name = f"{command.operation} {command.key}"
        if command.first_position is not None:
            if command.first_position != position + 1:
                yield f"{name}: its events do not follow the command before"
            expected = outcome_hash(command.fingerprint, command.status, command.body)
            for ordinal, event in enumerate(database.events[position : command.last_position], start=1):
                cause = (event.actor, event.operation, event.causation_id, event.ordinal)
                if cause != (command.actor, command.operation, command.key, ordinal):
                    yield f"{name}: event {event.position} is another command's"
                if event.command_hash != expected:
                    yield f"{name}: event {event.position} commits to another outcome"
            position = command.last_position
        if command.last_position != position:
            yield f"{name}: recorded at {command.last_position}, where the log was at {position}"
        if any(command.recorded_at < event.recorded_at for event in database.events[:position][-1:]):
            yield f"{name}: recorded at a time before the log's"
    if position != len(database.events):
        yield f"no command for the events after {position}"


def _check_moments(database: Database, arrivals: Iterable[Arrival]) -> Iterator[str]:
    """An answer arrives after its commit and states the recorded version; poison is never recorded."""
    for command in database.commands.values():
        if "\0" in command.correlation_id:
            yield f"{command.actor}'s {command.key} should have been refused by the database"
    for arrival in arrivals:
        answer, submission = arrival.answer, arrival.submission
        name = f"{submission.caller.subject}'s {submission.key}"
        recorded = database.commands.get(submission.command_key)
        if "\0" in submission.correlation_id:
            yield f"{name} should have been refused by the database"
        if answer.position > arrival.head:
            yield f"{name} was answered before position {answer.position} was committed"
        if not _is_recorded(answer) or recorded is None:
            continue
        if recorded.fingerprint != submission.fingerprint:
            yield f"{name} was answered with the outcome of another command"
        if (recorded.last_position, recorded.subject_id, recorded.version) != (
            answer.position,
            answer.subject_id,
            answer.version,
        ):
            yield f"{name} was answered {answer}, recorded is {recorded}"


def _check_order(world: World) -> Iterator[str]:
    """A command answered before another was sent is committed before it, refusals included."""
    sent: dict[CommandKey, float] = {}
    answered: dict[CommandKey, float] = {}
    for call in world.calls:
        # The ledger may have expired a hold itself, before a sweeper sent the same command.
        if call.who != SYSTEM.subject:
            key = call.who, call.operation, call.key
            sent[key] = min(sent.get(key, call.sent_at), call.sent_at)
    for arrival in world.arrivals:
        if _is_recorded(arrival.answer):
            key = arrival.submission.command_key
            answered[key] = min(answered.get(key, arrival.at), arrival.at)
    first_answer_after = float("inf")
    for recorded in reversed(world.database.commands.values()):
        key = recorded.actor, recorded.operation, recorded.key
        if key in sent and sent[key] > first_answer_after:
            yield f"{recorded.operation} {recorded.key} stands before a command answered before it was sent"
        first_answer_after = min(first_answer_after, answered.get(key, float("inf")))


def _check_views(database: Database) -> Iterator[str]:
    """The views are the fold of the log."""
    streams: dict[UUID, list[RecordedEvent]] = {}
    for event in database.events:
        streams.setdefault(event.originator_id, []).append(event)
    rows = {**database.bookings, **database.flights, **database.waiting}
    if len(rows) != len(streams):
        yield f"{len(rows)} rows in the views, {len(streams)} streams"
    subjects = {id: fold(stream) for id, stream in streams.items()}
    for id, subject in subjects.items():
        expected = _row(subject)
        if rows.get(id) != expected:
            yield f"the view has {rows.get(id)}, the log says {expected}"
    bookings = [subject for subject in subjects.values() if isinstance(subject, Booking)]
    _, columns = projections.refunds.upsert(bookings)
    if database.refunds != {row[0]: row for row in zip(*columns, strict=True)}:
        yield "the view of refunds is not what the log says"


def _row(subject: Subject | None) -> tuple[Any, ...]:
    assert subject is not None
    if isinstance(subject, Booking):
        _, columns = projections.bookings.upsert([subject])
    elif isinstance(subject, WaitingParty):
        _, columns = projections.waiting.upsert([subject])
    else:
        assert isinstance(subject, Flight)
        _, columns = projections.flights.upsert([subject])
    return tuple(column[0] for column in columns)


def _is_recorded(answer: Answer) -> bool:
    return answer.status < 300 or code_of(answer.body.decode()) not in NOT_RECORDED
