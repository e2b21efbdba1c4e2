"""What a block loads: the streams that its commands need, and the working set that their events make."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, LiteralString

from domain.booking import Booking
from domain.commands import InitiateBooking
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
    return list({command.user_id: None for command, _ in asking if isinstance(command, InitiateBooking)})


def streams_to_load(read_set: ReadSet, cached: Sequence[Flight]) -> tuple[LiteralString, list[Any]]:
    """Return one query for all streams that the commands need, without the parts that they do not need."""
    ids: list[LiteralString] = [sql.IDS]
    parameters: list[Any] = [[*read_set.flights, *read_set.bookings, *read_set.parties]]
    if read_set.captures or read_set.refunds or read_set.all_bookings_of:
        ids.append(sql.RELATED)
        parameters += [list(read_set.captures), list(read_set.refunds), list(read_set.all_bookings_of)]
    if read_set.seats_needed or read_set.captures:
        ids.append(sql.DUE_HOLDS)
        needed = read_set.seats_needed
        parameters += [list(needed), list(needed.values()), list(read_set.captures)]
    if any(read_set.waiting_lists):
        ids.append(sql.WAITING_LISTS)
        parameters += [list(line) for line in read_set.waiting_lists]
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
