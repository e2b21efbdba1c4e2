"""The folds of the second pass: each stream folded, compared with its views, and added to its flight."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString
from uuid import UUID

from audit.verify.divergence import Divergence
from audit.verify.itineraries import Itineraries
from audit.verify.sandbox_clock import SandboxClock
from audit.verify.snapshot import Connection
from audit.verify.splits import Splits
from audit.verify.trails import BookingTrail, ClockTrail, FlightTrail, PartyTrail, Trail
from audit.verify.usage import Usage
from audit.verify.views import Folded, Span, compare
from audit.verify.waiting_lists import WaitingLists
from domain.booking import Booking
from domain.commands.waiting import HoldOffer
from domain.sandbox_clock import ClockAdvance
from domain.seats import Seats
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger import codec

_HOLD_OFFER = HoldOffer.OPERATION
_SPLITS = frozenset({Booking.Split.TOPIC, Booking.SplitOff.TOPIC})
_STREAMS: LiteralString = """
    select originator_id, originator_version, topic, state, recorded_at, position, operation, ordinal
    from events where originator_id >= %s and (%s::uuid is null or originator_id < %s)
    order by originator_id, originator_version
"""
_SEATS = "select flight_id, seats, held, booked, overbooking from seats"


class Folds:
    """Folds of many streams, in order of stream ids, with the divergence of the lowest position."""

    def __init__(self, head: int) -> None:
        self.divergence: Divergence | None = None
        self._head = head
        self._waiting_lists = WaitingLists()
        self._itineraries = Itineraries()
        self._clock = SandboxClock()
        self._splits = Splits()
        self._usage: dict[UUID, Usage] = {}
        self._complete = True

    def check(self, connection: Connection, span: Span) -> int:
        """Fold and compare the streams of a span. Return the number of their events."""
        first, end = span
        count = 0
        folded: dict[UUID, Folded] = {}
        rows = connection.execute(_STREAMS, (first, end, end), binary=True, prepare=False).fetchall()
        for id, stream in groupby(rows, itemgetter(0)):
            events = list(stream)
            count += len(events)
            folded[id] = self._fold(id, events)
        compare(connection, span, folded, self._head, self._report)
        return count

    def join(self, other: "Folds") -> None:
        """Add the folds of other streams."""
        if other.divergence:
            self._report(other.divergence.position, other.divergence.reason)
        self._complete &= other._complete
        self._waiting_lists.join(other._waiting_lists)
        self._itineraries.join(other._itineraries)
        self._clock.join(other._clock)
        self._splits.join(other._splits)
        for flight_id, usage in other._usage.items():
            self._usage_of(flight_id).join(usage)

    def check_end(self, connection: Connection) -> None:
        """Check flights, waiting lists and itineraries, once the folds of all streams are joined."""
        self._itineraries.check(self._report)
        if self._complete:
            self._clock.check(connection, self._head, self._report)
        self._splits.check(self._report)
        self._waiting_lists.check([id for id, usage in self._usage.items() if usage.cancelled], self._report)
        recorded = {row[0]: Seats(*row[1:]) for row in connection.execute(_SEATS)}
        for flight_id, usage in self._usage.items():
            usage.check_never_oversold(flight_id, self._report)
            usage.check_cancelled(flight_id, self._report)
            usage.check_departed(flight_id, self._report)
            counted = recorded.pop(flight_id, None)
            # If the fold of a stream failed, its later events are missing and counts must differ.
            if self._complete:
                usage.check_counts(flight_id, counted, self._report)
        for flight_id in recorded:
            reason = f"seats are counted for flight {flight_id}, of which the log has no event"
            self._report(self._head + 1, reason)

    def _fold(self, id: UUID, events: Sequence[tuple[Any, ...]]) -> Folded:
        aggregate: Any = None
        trail: Trail | None = None
        position = last = 0
        itinerary_id: UUID | None = None
        for count, (_, version, topic, state, time, position, operation, ordinal) in enumerate(events, 1):
            try:
                if version != count:
                    raise ValueError(f"version {version} stands where {count} should")
                event = codec.decode(topic, state, id, count, time)
                if aggregate is None:
                    aggregate = event.mutate(None)
                else:
                    # The library's mutate without its checks of id and version, which are done above.
                    event.apply(aggregate)
                    aggregate.version, aggregate.modified_on = count, event.timestamp
            except Exception as error:
                self._report(position, f"the event does not follow in its stream: {error!r}")
                self._complete, aggregate = False, None
                break
            if trail is None:
                trail = self._trail(aggregate, operation, position)
                itinerary_id = aggregate.itinerary_id if isinstance(aggregate, Booking) else None
            trail.follow(event, position)
            if topic in _SPLITS:
                self._splits.follow(event, aggregate, position, ordinal)
            if itinerary_id is not None:
                self._itineraries.follow(event, aggregate, itinerary_id, position, ordinal)
            if position > last:
                last = position
        wrong = trail and trail.end(last)
        if wrong and aggregate is not None:
            self._report(position, wrong)
        return Folded(aggregate, position)

    def _trail(self, aggregate: Subject, operation: str, position: int) -> Trail:
        if isinstance(aggregate, Booking):
            if operation == _HOLD_OFFER:
                self._waiting_lists.follow_hold(aggregate, position)
            return BookingTrail(aggregate, self._usage_of)
        if isinstance(aggregate, WaitingParty):
            return PartyTrail(aggregate, self._waiting_lists)
        if isinstance(aggregate, ClockAdvance):
            return ClockTrail(aggregate, self._clock)
        return FlightTrail(aggregate, self._usage_of(aggregate.id))

    def _usage_of(self, flight_id: UUID) -> Usage:
        usage = self._usage.get(flight_id)
        if usage is None:
            usage = self._usage[flight_id] = Usage()
        return usage

    def _report(self, position: int, reason: str) -> None:
        if self.divergence is None or position < self.divergence.position:
            self.divergence = Divergence(position, reason)
