"""The waiting list in a block: who is served when seats come free, by commands of the ledger's own."""

from collections.abc import Iterator
from uuid import UUID

from domain.caller import SYSTEM
from domain.commands import BookingCommand, CloseWaiting, Command, FlightCommand, HoldOffer, OfferSeats
from domain.flight import FlightStatus
from domain.waiting_handlers import may_be_offered
from domain.working_set import WorkingSet
from ledger.submission import Submission, render_plain


def flight_with_moved_seats(command: Command, working_set: WorkingSet) -> UUID | None:
    """The flight whose seats the command may have moved, if it is known."""
    if not command.MOVES_SEATS:
        return None
    if isinstance(command, FlightCommand):
        return command.flight_id
    if isinstance(command, BookingCommand):
        booking = working_set.bookings.get(command.booking_id)
        return booking.flight_id if booking else None
    return None


def has_open_waiting_list(working_set: WorkingSet, flight_id: UUID) -> bool:
    """Does anybody wait for seats of the flight, and may they still have them?"""
    if not working_set.waiting_list(flight_id):
        return False
    return working_set.flights[flight_id].status(working_set.now) is FlightStatus.SCHEDULED


def count_waiting_seats(working_set: WorkingSet, flight_id: UUID) -> int:
    """As many seats as would do for everybody who waits."""
    return sum(party.seats for party in working_set.waiting_list(flight_id))


def next_offers(working_set: WorkingSet, flight_id: UUID, correlation_id: str) -> Iterator[Submission]:
    """The skip rule: from the head of the line on, each party that fits into what is free is offered it.

    Two commands each, the entry's and its booking's, and the caller decides each before it asks for the next.
    A larger party keeps its place: nothing here makes seats free, so one walk is enough.
    """
    flight = working_set.flights[flight_id]
    for party in working_set.waiting_list(flight_id):
        if may_be_offered(party, flight, working_set):
            yield _own(OfferSeats(party.id), party.id, correlation_id)
            yield _own(HoldOffer(party.id), party.id, correlation_id)


def closing_of(waiting_id: UUID, correlation_id: str = "") -> Submission:
    """The command that closes an entry whose flight takes nobody any more; it closes only once."""
    return _own(CloseWaiting(waiting_id), waiting_id, correlation_id)


def _own(command: Command, waiting_id: UUID, correlation_id: str) -> Submission:
    """A command of the ledger's own; its key is the entry's id, because each happens only once to it."""
    return Submission(command, SYSTEM, render_plain, key=str(waiting_id), correlation_id=correlation_id)
