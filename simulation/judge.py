"""The judge: what log, tables and everything that callers were told must agree on, by the nine rules."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

import projections.bookings
import projections.flights
from domain.booking import Booking
from domain.caller import SYSTEM
from domain.commands import ExpireHold
from domain.flight import Flight
from ledger.block import RecordedCommand
from ledger.chain import GENESIS, link, microseconds, outcome_hash
from ledger.log import RecordedEvent, fold
from ledger.submission import CommandKey
from simulation.database import Database
from simulation.model import Model
from simulation.world import Call

NOT_KEPT = frozenset({"hold-not-due", "idempotency-key-reused", "not-your-account"})
"""Refusals that leave no record, so that the same key may be tried again."""


class Violation(Exception):
    """A rule does not hold."""


def judge(database: Database, calls: list[Call]) -> None:
    """Raises Violation with one sentence."""
    _check_log(database.events)
    _check_commands(database)
    _check_verdicts(database, calls)
    _check_answers(database, calls)
    _check_order(database, calls)
    _check_payments(database.events)
    _check_refunds(database.events)
    _check_views(database)


def _check_log(events: list[RecordedEvent]) -> None:
    """Rule 5: positions and versions are dense, the chain holds. Rule 7: time never goes back."""
    previous, time = GENESIS, datetime.min.replace(tzinfo=UTC)
    versions: Counter[UUID] = Counter()
    for position, event in enumerate(events, start=1):
        versions[event.originator_id] += 1
        _require(event.position == position, f"position {event.position} stands where {position} should")
        _require(
            event.originator_version == versions[event.originator_id], f"a version is missing at {position}"
        )
        _require(event.recorded_at >= time, f"time goes back at {position}")
        hash = link(
            previous,
            position,
            event.originator_id,
            event.originator_version,
            event.topic,
            event.state,
            event.actor,
            event.operation,
            event.ordinal,
            event.causation_id,
            event.correlation_id,
            event.traceparent,
            microseconds(event.recorded_at),
            event.command_hash,
        )
        _require(event.hash == hash, f"the chain breaks at {position}")
        previous, time = hash, event.recorded_at


def _check_commands(database: Database) -> None:
    """Rule 3: every event belongs to exactly one recorded command, and commits to its outcome."""
    position = 0
    for command in database.commands.values():
        what = f"{command.operation} {command.key}"
        if command.first_position is not None:
            _require(command.first_position == position + 1, f"{what}: its events do not follow")
            expected = outcome_hash(command.fingerprint, command.status, command.body)
            for ordinal, event in enumerate(database.events[position : command.last_position], start=1):
                of = (event.actor, event.operation, event.causation_id, event.ordinal)
                _require(
                    of == (command.actor, command.operation, command.key, ordinal),
                    f"{what}: event {event.position} is another command's",
                )
                _require(event.command_hash == expected, f"{what}: {event.position} vouches for another")
            position = command.last_position
        _require(command.last_position == position, f"{what}: recorded at the wrong position")
        last = database.events[:position][-1:]
        _require(
            all(command.recorded_at >= event.recorded_at for event in last), f"{what}: earlier than the log"
        )
    _require(position == len(database.events), f"no command for the events after {position}")


def _check_verdicts(database: Database, calls: list[Call]) -> None:
    """Rules 1 and 6: each outcome is what the rules say, given the log before it, at the time in the log."""
    asked = {(call.command_key, call.fingerprint): call for call in calls}
    model = Model()
    for recorded in database.commands.values():
        call = asked.get((_key(recorded), recorded.fingerprint)) or _own_expiry(recorded)
        verdict = model.verdict(call.command, call.caller, call.expected_version, recorded.recorded_at)
        _require(
            verdict == _code(recorded.status, recorded.body),
            f"{recorded.operation} {recorded.key}: {recorded.body}, but by the rules: {verdict}",
        )
        if recorded.first_position is not None:
            for event in database.events[recorded.first_position - 1 : recorded.last_position]:
                model.follow(event)
                _check_seats(model, event)
    for flight_id in model.flights:
        _require(
            database.seats.get(flight_id) == model.written(flight_id),
            f"seats of {flight_id}: {database.seats.get(flight_id)}, the log says {model.written(flight_id)}",
        )


def _check_seats(model: Model, event: RecordedEvent) -> None:
    booking = model.bookings.get(event.originator_id)
    flight_id = booking.flight_id if booking else event.originator_id
    seats, held, booked = model.written(flight_id)
    _require(held + booked <= seats, f"oversold at {event.position}: {held} held, {booked} booked of {seats}")


def _check_answers(database: Database, calls: Iterable[Call]) -> None:
    """Rule 3: what was acknowledged is in the log, was there at that moment, and is the same every time."""
    for call in calls:
        what = f"{call.caller.subject}'s {call.key}"
        recorded = database.commands.get(call.command_key)
        if call.poison:
            _require(not call.heard and recorded is None, f"{what} should have been refused by the database")
            continue
        _require(not call.failed, f"{what} was told of a failure inside: {call.failed[:1]}")
        for heard in call.heard:
            answer = heard.answer
            _require(
                answer.position <= heard.head, f"{what} was answered before position {answer.position} was"
            )
            code = _code(answer.status, answer.body)
            if code in NOT_KEPT:
                reused = recorded is not None and recorded.fingerprint != call.fingerprint
                _require(
                    code != "idempotency-key-reused" or reused, f"{what}: its key was never used for another"
                )
                continue
            _require(recorded is not None, f"{what} was answered {code}, of which there is no record")
            assert recorded is not None
            same = (recorded.fingerprint, recorded.status, recorded.body.encode(), recorded.last_position)
            _require(
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
        _require(
            sent.get(key, float("inf")) <= first_answer_after or key not in sent,
            f"{recorded.operation} {recorded.key} stands before a command that was answered before it began",
        )
        first_answer_after = min(first_answer_after, heard.get(key, float("inf")))


def _check_payments(events: list[RecordedEvent]) -> None:
    """Rule 2: a key charges once, and a booking too. Rule 6: never after its hold ran out."""
    expires: dict[UUID, datetime] = {}
    charged: set[object] = set()
    for event in events:
        if event.topic == "booking.initiated":
            expires[event.originator_id] = event.decoded().expires_at
        if event.topic == "booking.payment_pending":
            _require(
                event.recorded_at < expires[event.originator_id], f"paid after its hold at {event.position}"
            )
            for charge in (event.originator_id, (event.actor, event.causation_id)):
                _require(charge not in charged, f"charged twice at {event.position}")
                charged.add(charge)


def _check_refunds(events: list[RecordedEvent]) -> None:
    """Rule 8: what was paid for a booking that is then cancelled is owed back, once and in full."""
    paid: dict[UUID, tuple[UUID, int]] = {}
    owed: dict[UUID, tuple[UUID, int]] = {}
    for event in events:
        match event.topic:
            case "booking.payment_pending":
                payment = event.decoded()
                paid[event.originator_id] = (payment.payment_id, payment.amount.amount)
            case "booking.cancelled" if event.originator_id in paid:
                owed[event.originator_id] = paid.pop(event.originator_id)
            case "booking.refund_due":
                refund = event.decoded()
                due = owed.pop(event.originator_id, None)
                _require(
                    due == (refund.payment_id, refund.amount.amount), f"wrong refund at {event.position}"
                )
    _require(not owed, f"{len(owed)} cancelled bookings were paid for, and no refund is due")


def _check_views(database: Database) -> None:
    """Rule 4: the views are the fold of the log."""
    streams: dict[UUID, list[RecordedEvent]] = {}
    for event in database.events:
        streams.setdefault(event.originator_id, []).append(event)
    shown = len(database.bookings) + len(database.flights)
    _require(shown == len(streams), f"{shown} rows in the views, {len(streams)} streams")
    for id, stream in streams.items():
        row, expected = _shown(database, id), _row(fold(stream))
        _require(row == expected, f"the view shows {row}, the log says {expected}")


def _shown(database: Database, id: UUID) -> tuple[Any, ...] | None:
    return database.bookings.get(id) or database.flights.get(id)


def _row(aggregate: Booking | Flight | None) -> tuple[Any, ...]:
    assert aggregate is not None
    if isinstance(aggregate, Booking):
        _, columns = projections.bookings.upsert([aggregate])
    else:
        _, columns = projections.flights.upsert([aggregate])
    return tuple(column[0] for column in columns)


def _own_expiry(recorded: RecordedCommand) -> Call:
    """The ledger's own command, given to make room; nobody else may have recorded what nobody asked for."""
    _require(
        (recorded.actor, recorded.operation) == (SYSTEM.subject, "expire_hold"),
        f"nobody asked for {recorded.operation} {recorded.key}",
    )
    return Call(ExpireHold(UUID(recorded.key)), SYSTEM, recorded.key)


def _key(recorded: RecordedCommand) -> CommandKey:
    return recorded.actor, recorded.operation, recorded.key


def _code(status: int, body: str | bytes) -> str:
    return "accepted" if status < 300 else str(msgspec.json.decode(body)["code"])


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Violation(sentence)
