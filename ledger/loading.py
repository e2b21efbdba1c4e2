"""What a block loads: the streams that its commands need, and the working set that their events make."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.commands.bookings import InitiateBooking
from domain.commands.itineraries import InitiateItinerary
from domain.flight import Flight
from domain.read_set import ReadSet
from domain.waiting import WaitingParty
from domain.working_set import Terms, WorkingSet
from ledger import statements as sql
from ledger.log import RecordedEvent, fold
from ledger.submission import Submission


class SeatsFound(NamedTuple):
    """A row of `statements.seats`. Without `with_departures` it has no departure."""

    flight_id: UUID
    seats: int
    held: int
    booked: int
    overbooking: int
    has_waiting_list: bool
    departure: datetime | None = None

    @property
    def free(self) -> int:
        return self.seats + self.overbooking - self.held - self.booked


def users_with_limit(submissions: Sequence[Submission], terms: Terms) -> list[str]:
    """Return the names of the users that ask for seats and whose unpaid seats are limited."""
    if not terms.unpaid_seats_max:
        return []
    asking = (one.original for one in submissions if not one.caller.has_no_limits)
    holds = (InitiateBooking, InitiateItinerary)
    return list({command.user_id: None for command, _ in asking if isinstance(command, holds)})


def people_to_load(
    read_set: ReadSet, lookups: list[bytes], with_unpaid_seats: bool
) -> tuple[LiteralString, list[Any]]:
    """Return the query for the people looked up, and the users of bookings, refunds and waiting parties."""
    persons: list[LiteralString] = [sql.PERSONS_LOOKED_UP]
    parameters: list[Any] = [lookups]
    if read_set.bookings or read_set.itineraries:
        persons.append(_parts_for(read_set).users)
        parameters += _bookings_named(read_set, read_set.bookings, read_set.itineraries)
    if read_set.refunds:
        persons.append(sql.USERS_OF_REFUNDS)
        parameters.append(list(read_set.refunds))
    if read_set.parties:
        persons.append(sql.USERS_OF_PARTIES)
        parameters.append(list(read_set.parties))
    return sql.people(with_unpaid_seats, *persons), parameters


def seats_to_load(read_set: ReadSet) -> tuple[LiteralString, list[Any]] | None:
    """Return the query for the seats of flights, and of those of bookings and refunds; None without any."""
    flights: list[LiteralString] = []
    parameters: list[Any] = []
    if read_set.bookings or read_set.itineraries:
        flights.append(_parts_for(read_set).flights)
        parameters += _bookings_named(read_set, read_set.bookings, read_set.itineraries)
    if read_set.flights:
        flights.append(sql.IDS)
        parameters.append(list(read_set.flights))
    if read_set.refunds:
        flights.append(sql.FLIGHTS_OF_REFUNDS)
        parameters.append(list(read_set.refunds))
    return (sql.seats(read_set.departures, *flights), parameters) if flights else None


def streams_to_load(read_set: ReadSet, cached: Sequence[Flight]) -> tuple[LiteralString, list[Any]]:
    """Return one query for all streams that the commands need, without the parts that they do not need."""
    parts = _parts_for(read_set)
    ids: list[LiteralString] = [sql.IDS]
    parameters: list[Any] = [[*read_set.flights, *read_set.bookings, *read_set.parties]]
    if read_set.itineraries:
        ids.append(sql.OF_ITINERARIES)
        parameters.append(list(read_set.itineraries))
    captures = read_set.captures or read_set.itinerary_captures
    captured = _bookings_named(read_set, read_set.captures, read_set.itinerary_captures)
    if captures or read_set.refunds or read_set.all_bookings_of:
        ids.append(parts.related)
        parameters += [*captured, list(read_set.refunds), list(read_set.all_bookings_of)]
    if not seats_tell_the_rest(read_set):
        if read_set.seats_needed or captures:
            ids.append(parts.due_holds)
            needed = read_set.seats_needed
            parameters += [list(needed), list(needed.values()), *captured]
        if any(read_set.waiting_lists):
            ids.append(parts.waiting_lists)
            flights, bookings, parties, itineraries = read_set.waiting_lists
            parameters += [list(flights), *_bookings_named(read_set, bookings, itineraries), list(parties)]
    return sql.streams(*ids), [*parameters, *_versions(cached)]


def seats_tell_the_rest(read_set: ReadSet) -> bool:
    """Return whether the seats of all flights of the block are loaded with its streams.

    Then due holds and waiting lists are loaded afterwards, and only those of flights that are full or have a
    waiting list. Few are. To look for them takes a seventh of PostgreSQL's work for a lone booking.
    """
    lists = read_set.waiting_lists
    return not (read_set.captures or read_set.itinerary_captures or lists.of_parties or lists.of_itineraries)


def rest_to_load(
    read_set: ReadSet, seats: Sequence[SeatsFound], working_set: WorkingSet
) -> tuple[LiteralString, list[Any]] | None:
    """Return the query for due holds of flights with too few free seats, and for waiting lists, if any."""
    ids: list[LiteralString] = []
    parameters: list[Any] = []
    wanted = read_set.seats_needed
    short = (one.flight_id for one in seats if one.free < wanted.get(one.flight_id, 0))
    needed = {flight_id: wanted[flight_id] for flight_id in short}
    if needed:
        ids.append(sql.BY_IDS.due_holds)
        parameters += [list(needed), list(needed.values()), []]
    lists = read_set.waiting_lists
    left = (working_set.bookings.get(id) for id in lists.of_bookings)
    asked = lists.of_flights | {booking.flight_id for booking in left if booking}
    if listed := [one.flight_id for one in seats if one.has_waiting_list and one.flight_id in asked]:
        ids.append(sql.BY_IDS.waiting_lists)
        parameters += [listed, [], []]
    if not ids:
        return None
    return sql.streams(*ids), [*parameters, *_versions(working_set.flights.values())]


def _versions(flights: Iterable[Flight]) -> list[list[Any]]:
    """Return the versions and ids of flights of which only later events are loaded."""
    known = list(flights)
    return [[flight.version for flight in known], [flight.id for flight in known]]


def _parts_for(read_set: ReadSet) -> sql.PartsOfBookings:
    return sql.BY_IDS_AND_ITINERARIES if read_set.itineraries else sql.BY_IDS


def _bookings_named(
    read_set: ReadSet, bookings: Iterable[UUID], itineraries: Iterable[UUID]
) -> list[list[UUID]]:
    """Return the arrays that name bookings in a statement for this read set."""
    return [list(bookings), list(itineraries)] if read_set.itineraries else [list(bookings)]


def fill(working_set: WorkingSet, rows: Sequence[tuple[Any, ...]]) -> None:
    """Fold the events of these rows of EVENTS, in order within each stream; flights continue as cached."""
    for originator_id, events in groupby((RecordedEvent(*row) for row in rows), _ORIGINATOR):
        match fold(events, working_set.flights.get(originator_id)):
            case Flight() as flight:
                working_set.flights[originator_id] = flight
            case Booking() as booking:
                working_set.bookings[originator_id] = booking
            case WaitingParty() as party:
                working_set.parties[originator_id] = party


_ORIGINATOR = attrgetter("originator_id")
