"""The waiting list in a block: system commands that offer free seats to waiting parties."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from domain.caller import SYSTEM
from domain.commands.base import BookingCommand, Command, FlightCommand, ItineraryCommand
from domain.commands.bookings import MoveBooking
from domain.commands.flights import MoveAllBookings
from domain.commands.itineraries import InitiateItinerary
from domain.commands.waiting import CloseWaiting, HoldOffer, OfferSeats
from domain.flight import FlightStatus
from domain.waiting_handlers import may_be_offered
from domain.working_set import WorkingSet
from ledger.submission import Submission, render_plain


def flights_with_moved_seats(command: Command, working_set: WorkingSet) -> Iterable[UUID]:
    """Return the flights whose waiting lists are served after the command, if they are loaded."""
    if not command.MOVES_SEATS:
        return ()
    if isinstance(command, MoveBooking):
        return working_set.left_flights
    if isinstance(command, MoveAllBookings):
        # Its due holds have ended, whether or not a booking left it.
        return working_set.left_flights | {command.flight_id}
    if isinstance(command, FlightCommand):
        return (command.flight_id,)
    if isinstance(command, BookingCommand):
        booking = working_set.bookings.get(command.booking_id)
        return (booking.flight_id,) if booking else ()
    if isinstance(command, InitiateItinerary):
        return command.holds_by_flight
    if isinstance(command, ItineraryCommand):
        return dict.fromkeys(one.flight_id for one in working_set.bookings_of(command.itinerary_id))
    return ()


def has_open_waiting_list(working_set: WorkingSet, flight_id: UUID) -> bool:
    """Return whether parties wait for the flight and it can still be booked."""
    if not working_set.waiting_list(flight_id):
        return False
    return working_set.flights[flight_id].status(working_set.now) is FlightStatus.SCHEDULED


def count_waiting_seats(working_set: WorkingSet, flight_id: UUID) -> int:
    """Return the number of seats that all waiting parties need."""
    return sum(party.seats for party in working_set.waiting_list(flight_id))


def next_offers(working_set: WorkingSet, flight_id: UUID, correlation_id: str) -> Iterator[Submission]:
    """Generate the offers: in order of the list, each party that fits into the free seats gets one.

    An offer is two commands, for the party and for its booking. The consumer decides each command before it
    takes the next. A party that does not fit keeps its place. Offers free no seats, so one pass is enough.
    """
    flight = working_set.flights[flight_id]
    for party in working_set.waiting_list(flight_id):
        if may_be_offered(party, flight, working_set):
            yield _own(OfferSeats(party.id), party.id, correlation_id)
            yield _own(HoldOffer(party.id), party.id, correlation_id)


def closing_of(waiting_id: UUID, correlation_id: str = "") -> Submission:
    """Return the command that closes a party after its flight was cancelled or departed."""
    return _own(CloseWaiting(waiting_id), waiting_id, correlation_id)


def _own(command: Command, waiting_id: UUID, correlation_id: str) -> Submission:
    """Return a system command. Its key is the party's id, because each happens once to a party."""
    return Submission(command, SYSTEM, render_plain, key=str(waiting_id), correlation_id=correlation_id)
