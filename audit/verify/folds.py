"""Streams in the second pass: folded one by one, beside their views, and what they say of flights."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString
from uuid import UUID

from audit.verify.lines import WaitingLines
from audit.verify.moment import Connection, copied
from audit.verify.trails import BookingTrail, FlightTrail, PartyTrail, Trail
from audit.verify.usage import Usage
from audit.verify.views import Folded, Span, compare
from audit.verify.wrong import Wrong
from domain.booking import Booking
from domain.commands import HoldOffer
from domain.seats import Seats
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger import codec

_HOLD_OFFER = HoldOffer.OPERATION.encode()
_STREAMS: LiteralString = """
    select originator_id, originator_version, topic, state, recorded_at, position, operation
    from ledger.events where originator_id >= %s and (%s::uuid is null or originator_id < %s)
    order by originator_id, originator_version
"""
_SEATS = "select flight_id, seats, held, booked from ledger.seats"


class Folds:
    """Collects what fails: streams come in order of their ids, but the lowest position is what matters."""

    def __init__(self, head: int) -> None:
        self.wrong: Wrong | None = None
        self._head = head
        self._lines = WaitingLines()
        self._usage: dict[UUID, Usage] = {}
        self._complete = True

    def check(self, connection: Connection, span: Span) -> int:
        """The streams of a span; the number of their events."""
        first, end = span
        count = 0
        folded: dict[UUID, Folded] = {}
        rows = copied(connection, _STREAMS, (first, end, end))
        for text, stream in groupby(rows, itemgetter(0)):
            id = UUID(text.decode())
            events = list(stream)
            count += len(events)
            folded[id] = self._fold(id, events)
        compare(connection, span, folded, self._head, self._note)
        return count

    def join(self, other: "Folds") -> None:
        """What others have collected, of other streams."""
        if other.wrong:
            self._note(other.wrong.position, other.wrong.reason)
        self._complete &= other._complete
        self._lines.join(other._lines)
        for flight_id, usage in other._usage.items():
            self._usage_of(flight_id).join(usage)

    def check_end(self, connection: Connection) -> None:
        """Once all streams have been collected: flights and those who wait for them."""
        self._lines.check([id for id, usage in self._usage.items() if usage.cancelled], self._note)
        recorded = {row[0]: Seats(*row[1:]) for row in connection.execute(_SEATS)}
        for flight_id, usage in self._usage.items():
            usage.check_never_oversold(flight_id, self._note)
            usage.check_cancelled(flight_id, self._note)
            counted = recorded.pop(flight_id, None)
            # Where a stream broke off, the fold lacks what came after: no wonder that counts differ.
            if self._complete:
                usage.check_counts(flight_id, counted, self._note)
        for flight_id in recorded:
            reason = f"seats are counted for flight {flight_id}, of which the log has no event"
            self._note(self._head + 1, reason)

    def _fold(self, id: UUID, events: Sequence[list[bytes]]) -> Folded:
        aggregate: Any = None
        trail: Trail | None = None
        position = last = 0
        for count, (_, version, topic, state, time, at, operation) in enumerate(events, start=1):
            position = int(at)
            try:
                if int(version) != count:
                    raise ValueError(f"version {int(version)} stands where {count} should")
                event = codec.decode(topic.decode(), state, id, count, datetime.fromisoformat(time.decode()))
                if aggregate is None:
                    aggregate = event.mutate(None)
                else:
                    # What the library's mutate does, but for the checks of id and version, done above.
                    event.apply(aggregate)
                    aggregate.version, aggregate.modified_on = count, event.timestamp
            except Exception as error:
                self._note(position, f"the event does not follow in its stream: {error!r}")
                self._complete, aggregate = False, None
                break
            if trail is None:
                trail = self._trail(aggregate, operation, position)
            trail.follow(event, position)
            if position > last:
                last = position
        wrong = trail and trail.end(last)
        if wrong and aggregate is not None:
            self._note(position, wrong)
        return Folded(aggregate, position)

    def _trail(self, aggregate: Subject, operation: bytes, position: int) -> Trail:
        if isinstance(aggregate, Booking):
            if operation == _HOLD_OFFER:
                self._lines.follow_hold(aggregate, position)
            return BookingTrail(aggregate, self._usage_of(aggregate.flight_id))
        if isinstance(aggregate, WaitingParty):
            return PartyTrail(aggregate, self._lines)
        return FlightTrail(aggregate, self._usage_of(aggregate.id))

    def _usage_of(self, flight_id: UUID) -> Usage:
        usage = self._usage.get(flight_id)
        if usage is None:
            usage = self._usage[flight_id] = Usage()
        return usage

    def _note(self, position: int, reason: str) -> None:
        if self.wrong is None or position < self.wrong.position:
            self.wrong = Wrong(position, reason)
