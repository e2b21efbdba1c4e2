"""The judge: what log, tables and everything that callers were told must agree on, by the nine rules."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from domain.booking import Booking
from domain.caller import SYSTEM
from domain.commands import CancelWithFlight, CloseWaiting, ExpireHold, HoldOffer, OfferSeats
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger.chain import GENESIS, link, outcome_hash
from ledger.log import RecordedEvent, fold
from ledger.records import RecordedCommand
from ledger.submission import CommandKey
from trials.simulation import rules
from trials.simulation.database import Database
from trials.simulation.judge_line import LineJudge
from trials.simulation.judge_money import check_late_money, check_money, check_payments
from trials.simulation.model import Model
from trials.simulation.violation import require
from trials.simulation.world import Call

NOT_KEPT = frozenset({"hold-not-due", "idempotency-key-reused", "not-your-account"})
"""Refusals that leave no record, so that the same key may be tried again."""


def judge(database: Database, calls: list[Call]) -> None:
    """Raises Violation with one sentence."""
    _check_log(database.events)
    _check_commands(database)
    _check_verdicts(database, calls)
    _check_answers(database, calls)
    _check_order(database, calls)
    check_payments(database.events)
    check_money(database.events)
    _check_views(database)


def _check_log(events: list[RecordedEvent]) -> None:
    """Rule 5: positions and versions are dense, the chain holds. Rule 7: time never goes back."""
    previous, time = GENESIS, datetime.min.replace(tzinfo=UTC)
    versions: Counter[UUID] = Counter()
    for position, event in enumerate(events, start=1):
        versions[event.originator_id] += 1
        require(event.position == position, f"position {event.position} stands where {position} should")
        require(
            event.originator_version == versions[event.originator_id], f"a version is missing at {position}"
        )
        require(event.recorded_at >= time, f"time goes back at {position}")
        require(event.hash == link(previous, event), f"the chain breaks at {position}")
        previous, time = event.hash, event.recorded_at


def _check_commands(database: Database) -> None:
    """Rule 3: every event belongs to exactly one recorded command, and commits to its outcome."""
    position = 0
    for command in database.commands.values():
        what = f"{command.operation} {command.key}"
        if command.first_position is not None:
            require(command.first_position == position + 1, f"{what}: its events do not follow")
            expected = outcome_hash(command.fingerprint, command.status, command.body)
            for ordinal, event in enumerate(database.events[position : command.last_position], start=1):
                of = (event.actor, event.operation, event.causation_id, event.ordinal)
                require(
                    of == (command.actor, command.operation, command.key, ordinal),
                    f"{what}: event {event.position} is another command's",
                )
                require(event.command_hash == expected, f"{what}: {event.position} vouches for another")
            position = command.last_position
        require(command.last_position == position, f"{what}: recorded at the wrong position")
        last = database.events[:position][-1:]
        require(
            all(command.recorded_at >= event.recorded_at for event in last), f"{what}: earlier than the log"
        )
    require(position == len(database.events), f"no command for the events after {position}")


def _check_verdicts(database: Database, calls: list[Call]) -> None:
    """Rules 1 and 6: each outcome is what the rules say, given the log before it, at the time in the log."""
    asked = {(call.command_key, call.fingerprint): call for call in calls}
    model = Model()
    line = LineJudge(model)
    for recorded in database.commands.values():
        line.before(recorded)
        call = asked.get((_key(recorded), recorded.fingerprint)) or _own_command(recorded)
        verdict = rules.verdict(model, call.command, call.caller, call.expected_version, recorded.recorded_at)
        require(
            verdict == _code(recorded.status, recorded.body),
            f"{recorded.operation} {recorded.key}: {recorded.body}, but by the rules: {verdict}",
        )
        if recorded.first_position is not None:
            for event in database.events[recorded.first_position - 1 : recorded.last_position]:
                check_late_money(model, event)
                line.before_event(event)
                model.follow(event)
                line.follow(event)
                _check_seats(model, event)
    line.rest()
    for flight_id, flight in model.flights.items():
        _, *in_use = model.written(flight_id)
        require(not (flight.cancelled and any(in_use)), f"{in_use} seats of a cancelled flight are in use")
        require(
            database.seats.get(flight_id) == model.written(flight_id),
            f"seats of {flight_id}: {database.seats.get(flight_id)}, the log says {model.written(flight_id)}",
        )


def _check_seats(model: Model, event: RecordedEvent) -> None:
    flight_id = model.flight_of(event.originator_id)
    seats, held, booked = model.written(flight_id)
    require(held + booked <= seats, f"oversold at {event.position}: {held} held, {booked} booked of {seats}")


def _check_answers(database: Database, calls: Iterable[Call]) -> None:
    """Rule 3: what was acknowledged is in the log, was there at that moment, and is the same every time."""
    for call in calls:
        what = f"{call.caller.subject}'s {call.key}"
        recorded = database.commands.get(call.command_key)
        if call.poison:
            require(not call.heard and recorded is None, f"{what} should have been refused by the database")
            continue
        require(not call.failed, f"{what} was told of a failure inside: {call.failed[:1]}")
        for heard in call.heard:
            answer = heard.answer
            require(
                answer.position <= heard.head, f"{what} was answered before position {answer.position} was"
            )
            code = _code(answer.status, answer.body)
            if code in NOT_KEPT:
                reused = recorded is not None and recorded.fingerprint != call.fingerprint
                require(
                    code != "idempotency-key-reused" or reused, f"{what}: its key was never used for another"
                )
                continue
            require(recorded is not None, f"{what} was answered {code}, of which there is no record")
            assert recorded is not None
            same = (recorded.fingerprint, recorded.status, recorded.body.encode(), recorded.last_position)
            require(
                same == (call.fingerprint, answer.status, answer.body, answer.position)
                and (recorded.subject_id, recorded.version) == (answer.subject_id, answer.version),
                f"{what} was answered {answer.body.decode()}, recorded is {recorded.body}",
            )


def _check_order(database: Database, calls: list[Call]) -> None:
    """Who was answered before another one began comes before it in the log, too."""
    sent: dict[CommandKey, float] = {}
    heard: dict[CommandKey, float] = {}
    for call in calls:
        key = call.command_key
        # A hold's expiry has one key whoever asks for it; the ledger itself may have done so before.
        if call.sent_at is not None and call.caller is not SYSTEM:
            sent[key] = min(sent.get(key, call.sent_at), call.sent_at)
        for answer in call.heard:
            if _code(answer.answer.status, answer.answer.body) not in NOT_KEPT:
                heard[key] = min(heard.get(key, answer.at), answer.at)
    first_answer_after = float("inf")
    for recorded in reversed(database.commands.values()):
        key = _key(recorded)
        require(
            sent.get(key, float("inf")) <= first_answer_after or key not in sent,
            f"{recorded.operation} {recorded.key} stands before a command that was answered before it began",
        )
        first_answer_after = min(first_answer_after, heard.get(key, float("inf")))


def _check_views(database: Database) -> None:
    """Rule 4: the views are the fold of the log."""
    streams: dict[UUID, list[RecordedEvent]] = {}
    for event in database.events:
        streams.setdefault(event.originator_id, []).append(event)
    shown = len(database.bookings) + len(database.flights) + len(database.waiting)
    require(shown == len(streams), f"{shown} rows in the views, {len(streams)} streams")
    for id, stream in streams.items():
        row, expected = _shown(database, id), _row(fold(stream))
        require(row == expected, f"the view shows {row}, the log says {expected}")
    require(
        database.refunds == _refunds(fold(stream) for stream in streams.values()),
        "the view of refunds is not what the log says",
    )


def _shown(database: Database, id: UUID) -> tuple[Any, ...] | None:
    return database.bookings.get(id) or database.flights.get(id) or database.waiting.get(id)


def _row(aggregate: Subject | None) -> tuple[Any, ...]:
    assert aggregate is not None
    if isinstance(aggregate, Booking):
        _, columns = projections.bookings.upsert([aggregate])
    elif isinstance(aggregate, WaitingParty):
        _, columns = projections.waiting.upsert([aggregate])
    else:
        _, columns = projections.flights.upsert([aggregate])
    return tuple(column[0] for column in columns)


def _refunds(aggregates: Iterable[Subject | None]) -> dict[UUID, tuple[Any, ...]]:
    bookings = [aggregate for aggregate in aggregates if isinstance(aggregate, Booking)]
    _, columns = projections.refunds.upsert(bookings)
    return {row[0]: row for row in zip(*columns, strict=True)}


def _own_command(recorded: RecordedCommand) -> Call:
    """The ledger's own command, given to make room or with a flight; of others' nothing goes unasked for."""
    own: dict[str, type[ExpireHold | CancelWithFlight | OfferSeats | HoldOffer | CloseWaiting]] = {
        "expire_hold": ExpireHold,
        "cancel_with_flight": CancelWithFlight,
        "offer_seats": OfferSeats,
        "hold_offer": HoldOffer,
        "close_waiting": CloseWaiting,
    }
    require(
        recorded.actor == SYSTEM.subject and recorded.operation in own,
        f"nobody asked for {recorded.operation} {recorded.key}",
    )
    return Call(own[recorded.operation](UUID(recorded.key[:36])), SYSTEM, recorded.key)


def _key(recorded: RecordedCommand) -> CommandKey:
    return recorded.actor, recorded.operation, recorded.key


def _code(status: int, body: str | bytes) -> str:
    return "accepted" if status < 300 else str(msgspec.json.decode(body)["code"])
