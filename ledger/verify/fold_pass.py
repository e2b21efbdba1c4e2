"""The second pass, stream by stream: versions, and views and seat counts against the fold of the log."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, ServerCursor

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from domain.booking import Booking, Status
from domain.refunds import RefundReason
from domain.seats import NONE_USED, Seats, SeatUse
from domain.waiting import WaitingParty
from domain.working_set import Subject
from ledger.log import COLUMNS, RecordedEvent
from ledger.verify.lines import WaitingLines
from ledger.verify.wrong import Wrong

BATCH = 5_000

_EVENTS = f"select {COLUMNS} from ledger.events order by originator_id, originator_version"
_SEATS = "select flight_id, seats, held, booked from ledger.seats"
_HEAD = "select coalesce(max(position), 0) from ledger.events"


def check_folds(connection: Connection[Any]) -> Iterator[int]:
    """Yields how many events are folded so far; at the end raises Wrong for the lowest bad position."""
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    done = told = 0
    with (
        connection.cursor("streams") as cursor,
        connection.cursor("bookings") as bookings,
        connection.cursor("flights") as flights,
        connection.cursor("refunds") as refunds,
        connection.cursor("waiting") as waiting,
    ):
        folds = _Folds(
            connection,
            head,
            _ViewRows("views.bookings", bookings, projections.bookings.EVERY_ROW),
            _ViewRows("views.flights", flights, projections.flights.EVERY_ROW),
            _ViewRows("views.refunds", refunds, projections.refunds.EVERY_ROW, key=1),
            _ViewRows("views.waiting", waiting, projections.waiting.EVERY_ROW),
        )
        cursor.itersize = BATCH
        cursor.execute(_EVENTS)
        events = (RecordedEvent(*row) for row in cursor)
        for _, stream in groupby(events, attrgetter("originator_id")):
            done += folds.check_stream(stream)
            if done - told >= BATCH:
                told = done
                yield done
        folds.check_end()
        yield done


class _Folds:
    """Collects what fails: streams come in order of their ids, but the lowest position is what matters."""

    def __init__(
        self,
        connection: Connection[Any],
        head: int,
        bookings: "_ViewRows",
        flights: "_ViewRows",
        refunds: "_ViewRows",
        waiting: "_ViewRows",
    ) -> None:
        self._connection = connection
        self._head = head
        self._bookings = bookings
        self._flights = flights
        self._refunds = refunds
        self._waiting = waiting
        self._lines = WaitingLines()
        self._usage: dict[UUID, _Usage] = {}
        self._wrong: Wrong | None = None
        self._complete = True

    def check_stream(self, stream: Iterator[RecordedEvent]) -> int:
        """The number of events in it."""
        aggregate: Any = None
        count = position = paid = 0
        for count, event in enumerate(stream, start=1):
            position = event.position
            before = SeatUse.of(aggregate) if isinstance(aggregate, Booking) else NONE_USED
            try:
                if event.originator_version != count:
                    raise ValueError(f"version {event.originator_version} stands where {count} should")
                aggregate = event.decoded().mutate(aggregate)
            except Exception as error:
                self._complete = False
                self._note(position, f"the event does not follow in its stream: {error!r}")
                return count + sum(1 for _ in stream)
            self._follow(aggregate, before, position)
            self._lines.follow(aggregate, event)
            paid += _paid(event, aggregate)
        self._compare(aggregate, position)
        if isinstance(aggregate, Booking):
            self._check_money(aggregate, paid, position)
        return count

    def _check_money(self, booking: Booking, paid: int, position: int) -> None:
        """What came in is what the booking costs now and what is or was owed back."""
        kept = booking.total_cost.amount if booking.status is Status.BOOKED else 0
        owed = sum(refund.amount.amount for refund in booking.refunds.values())
        if paid != kept + owed:
            self._note(position, f"{paid} was paid for {booking.id}, {kept} is kept and {owed} owed back")

    def check_end(self) -> None:
        for view in (self._bookings, self._flights, self._refunds, self._waiting):
            for row in view.rest():
                self._note(self._head + 1, f"{view.name} shows {row[0]}, of which the log has no event")
        self._lines.check([id for id, usage in self._usage.items() if usage.cancelled], self._note)
        recorded = {row[0]: Seats(*row[1:]) for row in self._connection.execute(_SEATS)}
        for flight_id, usage in self._usage.items():
            usage.check_never_oversold(flight_id, self._note)
            usage.check_cancelled(flight_id, self._note)
            counted = recorded.pop(flight_id, None)
            # Where a stream broke off, the fold lacks what came after: no wonder that counts differ.
            if self._complete:
                usage.check_counts(flight_id, counted, self._note)
        for flight_id in recorded:
            self._note(
                self._head + 1, f"seats are counted for flight {flight_id}, of which the log has no event"
            )
        if self._wrong:
            raise self._wrong

    def _follow(self, aggregate: Any, before: SeatUse, position: int) -> None:
        if isinstance(aggregate, Booking):
            usage = self._usage.setdefault(aggregate.flight_id, _Usage())
            usage.follow(position, before, SeatUse.of(aggregate))
        elif not isinstance(aggregate, WaitingParty):
            usage = self._usage.setdefault(aggregate.id, _Usage())
            usage.resize(position, aggregate.seats)
            usage.cancelled = aggregate.cancelled

    def _compare(self, aggregate: Subject, position: int) -> None:
        if isinstance(aggregate, Booking):
            self._compare_rows(
                self._bookings, aggregate.id, projections.bookings.upsert([aggregate])[1], position
            )
            self._compare_rows(
                self._refunds, aggregate.id, projections.refunds.upsert([aggregate])[1], position
            )
        elif isinstance(aggregate, WaitingParty):
            self._compare_rows(
                self._waiting, aggregate.id, projections.waiting.upsert([aggregate])[1], position
            )
        else:
            self._compare_rows(
                self._flights, aggregate.id, projections.flights.upsert([aggregate])[1], position
            )

    def _compare_rows(
        self, view: "_ViewRows", id: UUID, columns: tuple[Sequence[Any], ...], position: int
    ) -> None:
        """The rows of one aggregate; those of others that come before them belong to none."""
        expected = {row[0]: row for row in zip(*columns, strict=True)}
        for row in view.up_to(id):
            if row[view.key] != id:
                self._note(self._head + 1, f"{view.name} shows {row[0]}, of which the log has no event")
            elif expected.pop(row[0], None) != row:
                self._note(position, f"{view.name} does not show {row[0]} as the log has it")
        for missing in expected:
            self._note(position, f"{view.name} does not show {missing}")

    def _note(self, position: int, reason: str) -> None:
        if self._wrong is None or position < self._wrong.position:
            self._wrong = Wrong(position, reason)


class _ViewRows:
    """The rows of one view in order of the ids of streams, which stand in column `key`."""

    def __init__(self, name: str, cursor: ServerCursor[Any], every_row: LiteralString, key: int = 0) -> None:
        self.name = name
        self.key = key
        cursor.itersize = BATCH
        cursor.execute(every_row)
        self._rows = iter(cursor)
        self._next = next(self._rows, None)

    def up_to(self, id: UUID) -> Iterator[tuple[Any, ...]]:
        while self._next is not None and self._next[self.key] <= id:
            row, self._next = self._next, next(self._rows, None)
            yield row

    def rest(self) -> Iterator[tuple[Any, ...]]:
        while self._next is not None:
            row, self._next = self._next, next(self._rows, None)
            yield row


class _Usage:
    """One flight's seats in use at every position, in about ten bytes a change."""

    def __init__(self) -> None:
        self.cancelled = False
        self._counts = Seats(0)
        self._last_position = 0
        self._positions = array("q")
        self._deltas = array("h")

    def follow(self, position: int, before: SeatUse, after: SeatUse) -> None:
        self._counts.follow(before, after)
        self._last_position = max(self._last_position, position)
        delta = sum(after) - sum(before)
        if delta:
            self._change(position, -delta)

    def resize(self, position: int, seats: int) -> None:
        self._last_position = max(self._last_position, position)
        if seats != self._counts.seats:
            self._change(position, seats - self._counts.seats)
            self._counts.seats = seats

    def check_never_oversold(self, flight_id: UUID, note: Any) -> None:
        free = 0
        for position, delta in sorted(zip(self._positions, self._deltas, strict=True)):
            free += delta
            if free < 0:
                note(position, f"flight {flight_id} is oversold by {-free}")
                return

    def check_cancelled(self, flight_id: UUID, note: Any) -> None:
        if self.cancelled and self._counts.held + self._counts.booked:
            note(self._last_position, f"flight {flight_id} is cancelled, and bookings of it are not")

    def check_counts(self, flight_id: UUID, recorded: Seats | None, note: Any) -> None:
        if recorded != self._counts:
            note(self._last_position, f"seats of {flight_id}: {recorded}, the log says {self._counts}")

    def _change(self, position: int, free: int) -> None:
        self._positions.append(position)
        self._deltas.append(free)


def _paid(event: RecordedEvent, aggregate: Any) -> int:
    """The money that came in with this event, in minor units."""
    if event.topic == Booking.Booked.TOPIC:
        return int(aggregate.total_cost.amount)
    if event.topic == Booking.RefundDue.TOPIC:
        refund = event.decoded()
        return int(refund.amount.amount) if refund.reason is RefundReason.LATE_PAYMENT else 0
    return 0
