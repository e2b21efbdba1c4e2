"""The ledger's tables in memory: what a block reads and writes, and the constraints."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import errors

import projections.bookings
import projections.flights
import projections.refunds
import projections.waiting
from database.table import NEVER
from domain.booking_state import Status
from domain.flight import NaturalKey
from domain.read_set import ReadSet
from domain.seats import Seats
from domain.waiting import WaitingStatus
from ledger.block import Block
from ledger.chain import GENESIS
from ledger.log import RecordedEvent
from ledger.records import RecordedCommand
from ledger.submission import CommandKey

WAITING = WaitingStatus.WAITING.value


@dataclass(slots=True)
class Found:
    """The rows that a load reads under the lock."""

    now: datetime
    position: int
    hash: bytes
    commands: dict[CommandKey, RecordedCommand]
    events: list[tuple[Any, ...]]
    seats: dict[UUID, Seats]
    departures: dict[UUID, datetime]
    scheduled: dict[NaturalKey, UUID]


class Tables:
    """Only `write` changes them, in one step: that is the transaction.

    `commands` is in commit order. `bookings`, `flights`, `refunds` and `waiting` are the views' rows, in the
    columns that the projections' own `upsert` writes.
    """

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []
        self.commands: dict[CommandKey, RecordedCommand] = {}
        self.seats: dict[UUID, tuple[int, int, int, int]] = {}
        self.bookings: dict[UUID, tuple[Any, ...]] = {}
        self.flights: dict[UUID, tuple[Any, ...]] = {}
        self.refunds: dict[UUID, tuple[Any, ...]] = {}
        self.waiting: dict[UUID, tuple[Any, ...]] = {}
        self._streams: dict[UUID, list[RecordedEvent]] = {}
        self._positions: set[int] = set()
        self._causes: set[tuple[str, str, str, int]] = set()

    def read(self, read_set: ReadSet, keys: Collection[CommandKey], now: datetime) -> Found:
        last = self.events[-1] if self.events else None
        bookings = {self.refunds[id][1] for id in read_set.refunds if id in self.refunds}
        bookings |= read_set.bookings | self.of_itineraries(read_set.itineraries)
        flights = {self.bookings[id][1] for id in bookings if id in self.bookings} | read_set.flights
        captures = read_set.captures | self.of_itineraries(read_set.itinerary_captures)
        captured = [self.bookings[id] for id in captures if id in self.bookings]
        needed = Counter(read_set.seats_needed)
        for row in captured:
            needed[row[1]] += row[3].real
        streams = {*read_set.flights, *bookings, *(row[1] for row in captured), *self.due_holds(+needed, now)}
        for row in self.bookings.values():
            if row[1] in read_set.all_bookings_of and row[6] != Status.CANCELLED.value:
                streams.add(row[0])
        of_flights, of_bookings, of_parties, of_itineraries = read_set.waiting_lists
        of_bookings = of_bookings | self.of_itineraries(of_itineraries)
        streams |= {*read_set.parties, *self.lines(of_flights, of_bookings, of_parties, now)}
        natural_keys = read_set.natural_keys | {
            (*self.flights[id][1:3], day) for id, day in read_set.new_days if id in self.flights
        }
        return Found(
            now,
            last.position if last else 0,
            last.hash if last else GENESIS,
            {key: self.commands[key] for key in keys if key in self.commands},
            [msgspec.structs.astuple(event) for id in streams for event in self.stream(id)],
            {id: Seats(*self.seats[id]) for id in flights if id in self.seats},
            {id: departure for id in flights if (departure := self.departure(id))},
            {key: row[0] for row in self.flights.values() if (key := _natural(row)) in natural_keys},
        )

    def of_itineraries(self, itineraries: Container[UUID]) -> set[UUID]:
        """Return the ids of the bookings of these itineraries."""
        return {id for id, row in self.bookings.items() if row[16] in itineraries}

    def stream(self, id: UUID) -> list[RecordedEvent]:
        """Return the events of one flight, booking or waiting party."""
        return self._streams.get(id, [])

    def departure(self, flight_id: UUID) -> datetime | None:
        """Return the time at which a flight departs, or departed earlier; None for an unknown one."""
        if flight_id not in self.flights:
            return None
        scheduled: datetime
        recorded: datetime
        scheduled, recorded = self.flights[flight_id][4], self.flights[flight_id][11]
        return min(scheduled, recorded) if recorded > NEVER else scheduled

    def unpaid_seats(self, users: Iterable[str], now: datetime) -> dict[str, int]:
        """Return the seats that each user holds without a payment, due holds excluded."""
        unpaid = dict.fromkeys(users, 0)
        for row in self.bookings.values():
            if row[2] in unpaid and row[6] == Status.INITIATED.value and row[9] > now:
                unpaid[row[2]] += row[3].real
        return unpaid

    def write(self, block: Block) -> None:
        """Write all or nothing. Raises psycopg.IntegrityError where the schema would."""
        seats = {id: block.input.working_set.seats[id] for id in block.touched_seats} if block.events else {}
        self.check(block, seats)
        for event in block.events:
            self.events.append(event)
            self._positions.add(event.position)
            self._streams.setdefault(event.originator_id, []).append(event)
            self._causes.add((event.actor, event.operation, event.causation_id, event.ordinal))
        self.commands.update({(c.actor, c.operation, c.key): c for c in block.commands})
        self.seats.update(
            {id: (count.seats, count.held, count.booked, count.overbooking) for id, count in seats.items()}
        )
        self.bookings.update(_rows(projections.bookings.upsert(list(block.bookings.values()))[1]))
        self.refunds.update(_rows(projections.refunds.upsert(list(block.bookings.values()))[1]))
        self.flights.update(_rows(projections.flights.upsert(list(block.flights.values()))[1]))
        self.waiting.update(_rows(projections.waiting.upsert(list(block.parties.values()))[1]))

    def check(self, block: Block, seats: dict[UUID, Seats]) -> None:
        """Enforce the schema's constraints. Raises psycopg.IntegrityError."""
        positions = [event.position for event in block.events]
        _unique("position", positions, self._positions)
        causes = [(e.actor, e.operation, e.causation_id, e.ordinal) for e in block.events]
        _unique("cause", causes, self._causes)
        versions = [(e.originator_id, e.originator_version) for e in block.events]
        known = {(id, e.originator_version) for id, _ in versions for e in self.stream(id)}
        _unique("version", versions, known)
        _unique("key", [(c.actor, c.operation, c.key) for c in block.commands], self.commands)
        others = [_natural(row) for id, row in self.flights.items() if id not in block.flights]
        natural = [(f.number, f.origin, f.departure_day) for f in block.flights.values()]
        _unique("natural key", natural, others)
        waiting = self.waiting | _rows(projections.waiting.upsert(list(block.parties.values()))[1])
        _unique("wait", [row[1:3] for row in waiting.values() if row[4] == WAITING], ())
        for seat in seats.values():
            if min(seat.seats, seat.held, seat.booked, seat.free) < 0:
                raise errors.CheckViolation("seats")

    def lines(
        self, flights: set[UUID], bookings: set[UUID], parties: set[UUID], now: datetime
    ) -> Iterable[UUID]:
        """Yield the parties that wait for these flights, or for those of these bookings and parties, then the
        flights and all their due holds.
        """
        of_bookings = {self.bookings[id][1] for id in bookings if id in self.bookings}
        of_parties = {self.waiting[id][1] for id in parties if id in self.waiting}
        named = flights | of_bookings | of_parties
        waiting = [row for row in self.waiting.values() if row[1] in named and row[4] == WAITING]
        lines = {row[1] for row in waiting}
        yield from [row[0] for row in waiting]
        yield from lines
        for row in self.bookings.values():
            if row[1] in lines and NEVER < row[9] <= now:
                yield row[0]

    def due_holds(self, seats_needed: Mapping[UUID, int], now: datetime) -> Iterable[UUID]:
        """Yield due holds of flights with too few free seats: oldest first, no more than seats needed."""
        for flight_id, needed in seats_needed.items():
            seats, held, booked, overbooking = self.seats.get(flight_id, (needed, 0, 0, 0))
            if seats + overbooking - held - booked < needed:
                due = [row for row in self.bookings.values() if row[1] == flight_id and NEVER < row[9] <= now]
                yield from [row[0] for row in sorted(due, key=lambda row: row[9])[:needed]]


def _rows(columns: tuple[Any, ...]) -> dict[UUID, tuple[Any, ...]]:
    return {row[0]: row for row in zip(*columns, strict=True)}


def _natural(row: tuple[Any, ...]) -> NaturalKey:
    return row[1], row[2], row[6]


def _unique(what: str, new: Sequence[Any], known: Container[Any]) -> None:
    if len(set(new)) < len(new) or any(value in known for value in new):
        raise errors.UniqueViolation(f"duplicate {what}")
