"""What a block loads: the streams that its commands need, and the working set that their events make."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString
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


def users_with_limit(submissions: Sequence[Submission], terms: Terms) -> list[str]:
    """Return the names of the users that ask for seats and whose unpaid seats are limited."""
    if not terms.unpaid_seats_max:
        return []
    asking = (one.original for one in submissions if not one.caller.has_no_limits)
    holds = (InitiateBooking, InitiateItinerary)
    return list({command.user_id: None for command, _ in asking if isinstance(command, holds)})


def statements_for(read_set: ReadSet) -> sql.Statements:
    """Return the statements that load what the commands need."""
    return sql.BY_IDS_AND_ITINERARIES if read_set.itineraries else sql.BY_IDS


def bookings_named(
    read_set: ReadSet, bookings: Iterable[UUID], itineraries: Iterable[UUID]
) -> list[list[UUID]]:
    """Return the arrays that name bookings in a statement for this read set."""
    return [list(bookings), list(itineraries)] if read_set.itineraries else [list(bookings)]


def streams_to_load(read_set: ReadSet, cached: Sequence[Flight]) -> tuple[LiteralString, list[Any]]:
    """Return one query for all streams that the commands need, without the parts that they do not need."""
    statements = statements_for(read_set)
    ids: list[LiteralString] = [sql.IDS]
    parameters: list[Any] = [[*read_set.flights, *read_set.bookings, *read_set.parties]]
    if read_set.itineraries:
        ids.append(sql.OF_ITINERARIES)
        parameters.append(list(read_set.itineraries))
    captures = read_set.captures or read_set.itinerary_captures
    captured = bookings_named(read_set, read_set.captures, read_set.itinerary_captures)
    if captures or read_set.refunds or read_set.all_bookings_of:
        ids.append(statements.related)
        parameters += [*captured, list(read_set.refunds), list(read_set.all_bookings_of)]
    if read_set.seats_needed or captures:
        ids.append(statements.due_holds)
        needed = read_set.seats_needed
        parameters += [list(needed), list(needed.values()), *captured]
    if any(read_set.waiting_lists):
        ids.append(statements.waiting_lists)
        flights, bookings, parties, itineraries = read_set.waiting_lists
        parameters += [list(flights), *bookings_named(read_set, bookings, itineraries), list(parties)]
    parameters += [[flight.version for flight in cached], [flight.id for flight in cached]]
    return sql.streams(*ids), parameters


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
