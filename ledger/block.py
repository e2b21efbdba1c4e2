"""Blocks: commands decided in order against one working set. No I/O; the store loads and writes them."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from domain.booking import Booking
from domain.booking_split import BookingSplit
from domain.caller import CommandContext
from domain.changed_flight import ChangedFlight
from domain.commands.bookings import InitiateBooking, MoveBooking
from domain.commands.fields import FLIGHT_SEATS_MAX, OVERBOOKING_MAX
from domain.commands.flights import (
    CancelFlight,
    ChangeFlightSeats,
    ChangeOverbooking,
    DepartFlight,
    MoveAllBookings,
    RetimeFlight,
)
from domain.commands.itineraries import CaptureItinerary, InitiateItinerary, RecordItineraryPayment
from domain.commands.payments import CapturePayment, RecordPayment
from domain.commands.waiting import JoinWaitlist
from domain.flight import Flight
from domain.handlers import HANDLERS
from domain.hold_rules import require_bookable, require_few_holds
from domain.itinerary import Itinerary
from domain.refusals.base import Refusal
from domain.refusals.requests import BulkKeysMixed, IdempotencyKeyReused
from domain.waiting import WaitingParty
from domain.working_set import Result, Subject, WorkingSet
from ledger import codec
from ledger.block_input import BlockInput
from ledger.chain import link, outcome_hash
from ledger.log import RecordedEvent
from ledger.records import RecordedCommand
from ledger.submission import Answer, Submission
from ledger.system_commands import cancellation_of, expiry_of
from ledger.waiting_list import (
    closing_of,
    count_waiting_seats,
    flights_with_moved_seats,
    has_open_waiting_list,
    next_offers,
)


class HandlerFailed(Exception):
    """A handler failed half-way (a bug): the block has to be decided again without this submission."""

    def __init__(self, submission: Submission) -> None:
        super().__init__(f"{submission.operation} failed")
        self.submission = submission


@dataclass(slots=True)
class Block:
    """Decides submissions one by one; the store then writes all results in one transaction."""

    input: BlockInput
    position: int = field(init=False)
    hash: bytes = field(init=False)
    events: list[RecordedEvent] = field(default_factory=list)
    commands: list[RecordedCommand] = field(default_factory=list)
    flights: dict[UUID, Flight] = field(default_factory=dict)
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    parties: dict[UUID, WaitingParty] = field(default_factory=dict)
    _due: dict[UUID, deque[UUID]] = field(init=False)

    def __post_init__(self) -> None:
        self.position = self.input.position
        self.hash = self.input.hash
        self._due = _due_holds(self.input.working_set)

    @property
    def touched_seats(self) -> set[UUID]:
        """Ids of flights with possibly changed seat counts."""
        of_bookings = {booking.flight_id for booking in self.bookings.values()}
        return of_bookings | self.flights.keys() | self.input.working_set.left_flights

    def decide_all(self, submissions: Sequence[Submission], atomic: bool) -> list[Answer]:
        """Return the answers in order. If `atomic`, these are holds: all are granted or all refused.

        Raises HandlerFailed.
        """
        if not atomic:
            return [self.decide(submission) for submission in submissions]
        if refusal := self._reason_to_refuse_all(submissions):
            return [self._refuse(submission, refusal) for submission in submissions]
        answers = [self.decide(submission) for submission in submissions]
        if any(answer.refusal for answer in answers):
            raise HandlerFailed(submissions[0])
        return answers

    def _reason_to_refuse_all(self, submissions: Sequence[Submission]) -> Refusal | None:
        """Return the first reason for which one of these holds cannot be granted or replayed, if any.

        The keys differ. If all are known, all holds are replayed; if some are, none is granted.
        """
        recorded = [self._recorded(submission) for submission in submissions]
        known = [submission.key for submission, one in zip(submissions, recorded, strict=True) if one]
        if known:
            if len(known) < len(submissions):
                return BulkKeysMixed(f"{len(known)} of {len(submissions)} keys are known.", known_keys=known)
            same = (_is_same(*pair) for pair in zip(submissions, recorded, strict=True))
            return None if all(same) else IdempotencyKeyReused()
        holds = [one.command for one in submissions if isinstance(one.command, InitiateBooking)]
        context, correlation_id = CommandContext(submissions[0].caller), submissions[0].correlation_id
        by_flight: dict[UUID, list[InitiateBooking]] = {}
        for hold in holds:
            by_flight.setdefault(hold.flight_id, []).append(hold)
        try:
            for flight_id, party in by_flight.items():
                self._serve_waiting_list(flight_id, correlation_id)
                self._make_room(flight_id, sum(hold.seats for hold in party), correlation_id)
                require_bookable(party, context, self.input.working_set)
            # After all flights, because their waiting lists can give seats to the same user.
            require_few_holds(holds, context, self.input.working_set)
        except Refusal as refusal:
            return refusal
        return None

    def decide(self, submission: Submission) -> Answer:
        """Decide one command. A refusal changes nothing but its own record. Raises HandlerFailed."""
        recorded = self._recorded(submission)
        if recorded is not None:
            return self._replay(submission, recorded)
        try:
            self._make_room_for(submission)
            answer = self._carry_out(submission)
            if isinstance(submission.command, CancelFlight | DepartFlight) and answer.subject_id is not None:
                self._end_bookings(answer.subject_id, submission.correlation_id)
            for flight_id in flights_with_moved_seats(submission.command, self.input.working_set):
                self._serve_waiting_list(flight_id, submission.correlation_id)
        except HandlerFailed as failure:
            # A command of the ledger's own has no caller: the submission that caused it fails.
            raise HandlerFailed(submission) from failure
        return answer

    def _recorded(self, submission: Submission) -> RecordedCommand | None:
        recorded = self.input.commands.get(submission.command_key)
        if recorded is None and submission.older_key:
            return self.input.commands.get((*submission.command_key[:2], submission.older_key))
        return recorded

    def _replay(self, submission: Submission, recorded: RecordedCommand) -> Answer:
        if not _is_same(submission, recorded):
            return self._refuse(submission, IdempotencyKeyReused())
        return Answer(
            recorded.status,
            recorded.body.encode(),
            recorded.last_position,
            recorded.subject_id,
            recorded.version,
            replayed=True,
        )

    def _make_room_for(self, submission: Submission) -> None:
        match submission.command:
            case (
                InitiateBooking(flight_id=flight_id, seats=seats)
                | JoinWaitlist(flight_id=flight_id, seats=seats)
            ):
                # Parties on the waiting list come before a new booking.
                self._serve_waiting_list(flight_id, submission.correlation_id)
                self._make_room(flight_id, seats, submission.correlation_id)
            case ChangeFlightSeats(flight_id=flight_id, seats=seats):
                count = self.input.working_set.seats.get(flight_id)
                # A reduction needs as many free seats as it removes.
                self._make_room(flight_id, count.seats - seats if count else 0, submission.correlation_id)
            case ChangeOverbooking(flight_id=flight_id, seats=seats):
                count = self.input.working_set.seats.get(flight_id)
                self._make_room(
                    flight_id, count.overbooking - seats if count else 0, submission.correlation_id
                )
            case RetimeFlight(flight_id=flight_id):
                # Later times must not bring due holds back.
                self._expire_due(flight_id, submission.correlation_id)
            case MoveBooking(booking_id=booking_id, flight_id=flight_id):
                booking = self.input.working_set.bookings.get(booking_id)
                self._serve_waiting_list(flight_id, submission.correlation_id)
                self._make_room(flight_id, booking.seats if booking else 0, submission.correlation_id)
            case MoveAllBookings(flight_id=flight_id, to=targets):
                self._expire_due(flight_id, submission.correlation_id)
                for target in targets:
                    self._serve_waiting_list(target, submission.correlation_id)
                    self._expire_due(target, submission.correlation_id)
            case CapturePayment(booking_id=booking_id) | RecordPayment(booking_id=booking_id):
                booking = self.input.working_set.bookings.get(booking_id)
                if booking and booking.is_late(self.input.working_set.now):
                    self._serve_waiting_list(booking.flight_id, submission.correlation_id)
                if booking and booking.may_be_seated_again:
                    self._make_room(booking.flight_id, booking.seats, submission.correlation_id)
            case InitiateItinerary(holds_by_flight=by_flight):
                for flight_id, holds in by_flight.items():
                    self._serve_waiting_list(flight_id, submission.correlation_id)
                    seats = sum(hold.seats for hold in holds)
                    self._make_room(flight_id, seats, submission.correlation_id)
            case (
                CaptureItinerary(itinerary_id=itinerary_id)
                | RecordItineraryPayment(itinerary_id=itinerary_id)
            ):
                self._make_room_again(itinerary_id, submission.correlation_id)

    def _make_room_again(self, itinerary_id: UUID, correlation_id: str) -> None:
        """Make room for late bookings of an itinerary, which are seated again all together or not at all."""
        now, made = self.input.working_set.now, Counter[UUID]()
        bookings = self.input.working_set.bookings_of(itinerary_id)
        for flight_id in dict.fromkeys(one.flight_id for one in bookings if one.is_late(now)):
            self._serve_waiting_list(flight_id, correlation_id)
        # Due holds of the itinerary itself may be expired for its room, and then need seats, too.
        while (needed := _seats_lost(bookings)) != made:
            made = needed
            for flight_id, seats in needed.items():
                self._make_room(flight_id, seats, correlation_id)

    def _expire_due(self, flight_id: UUID, correlation_id: str) -> None:
        """Expire all due holds of the flight that are loaded."""
        self._make_room(flight_id, FLIGHT_SEATS_MAX + OVERBOOKING_MAX + 1, correlation_id)

    def _make_room(self, flight_id: UUID, seats: int, correlation_id: str) -> None:
        """Expire due holds, oldest first, until `seats` are free. Each expiry is a command of its own."""
        working_set, due = self.input.working_set, self._due.get(flight_id)
        while due and working_set.seats[flight_id].free < seats:
            booking_id = due.popleft()
            # An earlier command of this block may have cancelled the booking.
            if working_set.bookings[booking_id].hold_is_due(working_set.now):
                self._carry_out(expiry_of(working_set.bookings[booking_id], correlation_id))

    def _serve_waiting_list(self, flight_id: UUID, correlation_id: str) -> None:
        """Offer free seats to the waiting list. Due holds are expired first, because their seats are free.

        This runs in the block that frees the seats, and before a command that takes seats, so that no other
        command can take them first.
        """
        working_set = self.input.working_set
        if not has_open_waiting_list(working_set, flight_id):
            return
        if self._due.get(flight_id):
            self._make_room(flight_id, count_waiting_seats(working_set, flight_id), correlation_id)
        if working_set.seats[flight_id].free == 0:
            return
        for submission in next_offers(working_set, flight_id, correlation_id):
            if self._carry_out(submission).subject_id is None:
                # A refusal would be recorded under the only key of the offer, and block the party for ever.
                raise HandlerFailed(submission)

    def _end_bookings(self, flight_id: UUID, correlation_id: str) -> None:
        """End the bookings of a flight that is gone and close its waiting list, each by its own command.

        With a cancelled flight all live bookings end, with a departed one the unpaid holds. This runs in the
        block of the flight's own command, so that no other command can come in between. A flight has at most
        FLIGHT_SEATS_MAX and OVERBOOKING_MAX live bookings.
        """
        working_set = self.input.working_set
        cancelled = working_set.flights[flight_id].cancelled
        for booking in working_set.live_bookings(flight_id):
            if booking.hold_is_due(working_set.now) or (not cancelled and booking.held_until is not None):
                self._carry_out(expiry_of(booking, correlation_id))
            elif cancelled:
                self._carry_out(cancellation_of(booking.id, correlation_id))
        for party in working_set.waiting_list(flight_id):
            self._carry_out(closing_of(party.id, correlation_id))

    def _carry_out(self, submission: Submission) -> Answer:
        working_set = self.input.working_set
        context = CommandContext(submission.caller, submission.expected_versions)
        try:
            subject = HANDLERS[type(submission.command)](submission.command, context, working_set)
        except Refusal as refusal:
            if working_set.apply_seat_changes() is not None:
                raise HandlerFailed(submission) from refusal
            return self._refuse(submission, refusal)
        except Exception as error:
            raise HandlerFailed(submission) from error
        if working_set.apply_seat_changes() is None:
            raise HandlerFailed(submission)
        return self._accept(submission, subject)

    def _refuse(self, submission: Submission, refusal: Refusal) -> Answer:
        # A dry run writes nothing, so its own expiries are no positions of the log.
        refusal.refused_at = self.input.position if submission.dry_run else self.position
        status, body = submission.render(submission, refusal)
        if refusal.is_recorded:
            self._record(submission, status, body.decode(), None, None)
        return Answer(status, body, self.position, refusal=type(refusal))

    def _accept(self, submission: Submission, result: Result) -> Answer:
        """Record the events and the outcome. With several aggregates, the first one is its subject."""
        changed = (
            result.changed if isinstance(result, Itinerary | ChangedFlight | BookingSplit) else (result,)
        )
        first_position = position = self.position + 1
        for subject in changed:
            if isinstance(subject, Booking):
                self.bookings[subject.id] = subject
                subject.first_position = subject.first_position or position
                position += len(subject.pending_events)
            elif isinstance(subject, Flight):
                self.flights[subject.id] = subject
            elif isinstance(subject, WaitingParty):
                self.parties[subject.id] = subject
        status, body = submission.render(submission, result)
        text = body.decode()
        command_hash = outcome_hash(submission.fingerprint, status, text)
        ordinal = 0
        for subject in changed:
            for event in subject.collect_events():
                ordinal += 1
                self._append(submission, event, ordinal, command_hash)
        subject = changed[0]
        self._record(submission, status, text, subject, first_position)
        return Answer(status, body, self.position, subject.id, subject.version)

    def _append(self, submission: Submission, event: Any, ordinal: int, command_hash: bytes) -> None:
        self.position += 1
        recorded = RecordedEvent(
            self.position,
            event.originator_id,
            event.originator_version,
            event.TOPIC,
            codec.encode(event),
            submission.caller.subject,
            submission.operation,
            ordinal,
            submission.key,
            submission.correlation_id,
            submission.traceparent,
            event.timestamp,
            command_hash,
            b"",
        )
        self.hash = link(self.hash, recorded)
        msgspec.structs.force_setattr(recorded, "hash", self.hash)
        self.events.append(recorded)

    def _record(
        self,
        submission: Submission,
        status: int,
        body: str,
        subject: Subject | None,
        first_position: int | None,
    ) -> None:
        key = submission.command_key
        recorded = RecordedCommand(
            *key,
            submission.fingerprint,
            status,
            body,
            subject.id if subject else None,
            subject.version if subject else 0,
            first_position,
            self.position,
            submission.correlation_id,
            self.input.working_set.now,
        )
        self.commands.append(recorded)
        self.input.commands[key] = recorded


def _seats_lost(bookings: Iterable[Booking]) -> Counter[UUID]:
    """Return the seats, by flight, that these bookings lost and may have again."""
    lost = Counter[UUID]()
    for booking in bookings:
        if booking.may_be_seated_again:
            lost[booking.flight_id] += booking.seats
    return lost


def _is_same(submission: Submission, recorded: RecordedCommand | None) -> bool:
    """Return whether the recorded outcome is that of this very command."""
    fingerprints = submission.fingerprint, submission.older_fingerprint
    return recorded is not None and recorded.fingerprint in fingerprints


def _due_holds(working_set: WorkingSet) -> dict[UUID, deque[UUID]]:
    """Return the ids of loaded bookings with a due hold, by flight, oldest first."""
    due: dict[UUID, deque[UUID]] = {}
    for booking in sorted(_due_bookings(working_set), key=lambda booking: (booking.held_until, booking.id)):
        due.setdefault(booking.flight_id, deque()).append(booking.id)
    return due


def _due_bookings(working_set: WorkingSet) -> Iterable[Booking]:
    return (booking for booking in working_set.bookings.values() if booking.hold_is_due(working_set.now))
