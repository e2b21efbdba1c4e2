"""The working set: flights, bookings, waiting parties and seat counts against which commands are decided."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.booking_split import BookingSplit
from domain.booking_state import Status
from domain.caller import Caller
from domain.changed_flight import ChangedFlight
from domain.flight import Flight, NaturalKey
from domain.itinerary import Itinerary
from domain.refusals.bookings import BookingNotFound
from domain.refusals.flights import FlightNotFound
from domain.refusals.itineraries import ItineraryNotFound
from domain.refusals.refunds import RefundNotFound
from domain.refusals.waiting import WaitingPartyNotFound
from domain.sandbox_clock import ClockAdvance
from domain.seats import NONE_USED, Seats, SeatUse
from domain.waiting import WaitingParty

Subject = Flight | Booking | WaitingParty | ClockAdvance
"""Aggregate that a command can change."""

Result = Subject | Itinerary | ChangedFlight | BookingSplit
"""What a command changes: one aggregate, or several together."""


class Terms(NamedTuple):
    """Durations of a hold, of an authorised payment and of an offer to a waiting party; and the gateway.

    Without a gateway, the caller vouches for payments. `unpaid_seats_max` limits the seats that a user holds
    at a time without a payment; 0 means no limit. Without a record of its departure, a flight counts as
    departed for operators `delay_max` after the scheduled time. A change of times below `small_change` needs
    no answer, a larger one may be answered for `answer_window`.
    """

    hold: timedelta
    capture_window: timedelta
    offer_window: timedelta
    gateway: str | None = None
    unpaid_seats_max: int = 0
    delay_max: timedelta = timedelta(hours=24)
    small_change: timedelta = timedelta(minutes=60)
    answer_window: timedelta = timedelta(days=7)


class WorkingSet:
    """Aggregates in memory while one block of commands is decided in order.

    `now` is the ledger's time for the whole block; `new_id` creates UUIDs.
    """

    def __init__(self, now: datetime, terms: Terms, new_id: Callable[[], UUID]) -> None:
        self.now = now
        self.terms = terms
        self.new_id = new_id
        self.flights: dict[UUID, Flight] = {}
        self.bookings: dict[UUID, Booking] = {}
        self.parties: dict[UUID, WaitingParty] = {}
        self.seats: dict[UUID, Seats] = {}
        self.unpaid_seats: dict[str, int] = {}
        """Seats that users hold without a payment, due holds excluded, for the users that ask for seats."""
        self.departures: dict[UUID, datetime] = {}
        """Times of departure of flights that are not loaded themselves."""
        self.scheduled: dict[NaturalKey, UUID] = {}
        self.left_flights: set[UUID] = set()
        """Flights that bookings were moved away from."""
        self._waiting_lists: dict[UUID, list[WaitingParty]] = {}
        self.text_for: Callable[[Booking, str], str] = lambda booking, text: text
        """Returns a personal text of a command about an itinerary as one of its bookings records it."""
        self._subject: Subject | Itinerary | BookingSplit | None = None
        self._use_before = NONE_USED
        self._unpaid_before = 0
        self._uses_before: list[tuple[SeatUse, int]] = []
        """Of the bookings of an itinerary: their seats in use and their unpaid seats before the command."""

    def capture_before(self, booking: Booking) -> datetime:
        """Return the latest time to capture a payment that is authorised now.

        It is never before the end of the hold, and never after the departure.
        """
        latest = max(self.now + self.terms.capture_window, booking.expires_at)
        return min(latest, self._departure(booking.flight_id) or latest)

    def hold_end(self, flight_id: UUID) -> datetime:
        """Return the end of a hold that begins now: never after the departure."""
        end = self.now + self.terms.hold
        return min(end, self._departure(flight_id) or end)

    def has_departed(self, flight_id: UUID) -> bool:
        """Return whether the flight has departed, if the read set has its departure."""
        departure = self._departure(flight_id)
        return departure is not None and departure <= self.now

    def _departure(self, flight_id: UUID) -> datetime | None:
        flight = self.flights.get(flight_id)
        return flight.departure if flight else self.departures.get(flight_id)

    def flight(self, flight_id: UUID) -> Flight:
        """Return the flight, and mark it as the subject of the command. Raises FlightNotFound."""
        flight = self.flights.get(flight_id)
        if flight is None:
            raise FlightNotFound(flight_id=flight_id)
        self._subject = flight
        return flight

    def booking(self, booking_id: UUID) -> Booking:
        """Return the booking, and mark it as the subject of the command. Raises BookingNotFound."""
        booking = self.bookings.get(booking_id)
        if booking is None:
            raise BookingNotFound(booking_id=booking_id)
        self._subject, self._use_before = booking, SeatUse.of(booking)
        self._unpaid_before = booking.unpaid_seats(self.now) if self.unpaid_seats else 0
        return booking

    def own_booking(self, booking_id: UUID, caller: Caller) -> Booking:
        """Return the caller's booking. Another account's booking is refused exactly like an unknown one."""
        booking = self.booking(booking_id)
        if not caller.may_act_for(booking.user_id):
            raise BookingNotFound(booking_id=booking_id)
        return booking

    def itinerary(self, itinerary_id: UUID) -> Itinerary:
        """Return the itinerary, and mark it as the subject of the command. Raises ItineraryNotFound."""
        itinerary = Itinerary(itinerary_id, self.bookings_of(itinerary_id))
        if not itinerary.bookings:
            raise ItineraryNotFound(itinerary_id=itinerary_id)
        self._subject = itinerary
        self._uses_before = [
            (SeatUse.of(booking), booking.unpaid_seats(self.now)) for booking in itinerary.bookings
        ]
        return itinerary

    def bookings_of(self, itinerary_id: UUID) -> list[Booking]:
        """Return the bookings of the itinerary; none for an unknown id."""
        return [one for one in self.bookings.values() if one.itinerary_id == itinerary_id]

    def booking_of_refund(self, refund_id: UUID) -> Booking:
        """Return the booking of the refund, and mark it as the subject. Raises RefundNotFound."""
        for booking in self.bookings.values():
            if refund_id in booking.refunds:
                return self.booking(booking.id)
        raise RefundNotFound(refund_id=refund_id)

    def party(self, waiting_id: UUID) -> WaitingParty:
        """Return the party, and mark it as the subject of the command. Raises WaitingPartyNotFound."""
        party = self.parties.get(waiting_id)
        if party is None:
            raise WaitingPartyNotFound(waiting_id=waiting_id)
        self._subject = party
        return party

    def waiting_list(self, flight_id: UUID) -> Sequence[WaitingParty]:
        """Return the parties that wait for the flight, in the order in which they are served."""
        if not self.parties:
            return ()
        waiting_list = self._waiting_lists.get(flight_id)
        if waiting_list is None:
            waiting = (p for p in self.parties.values() if p.flight_id == flight_id and p.is_waiting)
            waiting_list = self._waiting_lists[flight_id] = sorted(waiting, key=lambda party: party.order)
        return waiting_list

    def live_bookings(self, flight_id: UUID) -> list[Booking]:
        """Return the flight's bookings that are not cancelled."""
        return [
            booking
            for booking in self.bookings.values()
            if booking.flight_id == flight_id and booking.status is not Status.CANCELLED
        ]

    def move_seats(self, booking: Booking, from_flight_id: UUID) -> None:
        """Count the seats of a booking that was moved on its new flight, and no more on the one it left."""
        use = SeatUse.of(booking)
        self.seats[from_flight_id].replace_use(use, NONE_USED)
        self.seats[booking.flight_id].replace_use(NONE_USED, use)
        self.left_flights.add(from_flight_id)

    def add(self, new: Subject | Itinerary | BookingSplit) -> None:
        if isinstance(new, Booking):
            self.bookings[new.id] = new
            self._use_before, self._unpaid_before = NONE_USED, 0
        elif isinstance(new, Flight):
            self.flights[new.id] = new
            self.seats[new.id] = Seats(new.seats)
            self.scheduled[new.number, new.origin, new.departure_day] = new.id
        elif isinstance(new, Itinerary):
            self.bookings |= {booking.id: booking for booking in new.bookings}
            self._uses_before = [(NONE_USED, 0)] * len(new.bookings)
        elif isinstance(new, BookingSplit):
            self.bookings[new.new.id] = new.new
            self._uses_before = [(self._use_before, self._unpaid_before), (NONE_USED, 0)]
        elif isinstance(new, WaitingParty):
            self.parties[new.id] = new
        self._subject = new

    def apply_seat_changes(self) -> Subject | Itinerary | BookingSplit | None:
        """Update the counts of seats after a command; return what it changed, if anything."""
        subject, self._subject = self._subject, None
        if subject is None:
            return None
        if isinstance(subject, Itinerary | BookingSplit):
            for booking, before in zip(subject.bookings, self._uses_before, strict=True):
                self._apply_use(booking, *before)
            return subject if subject.changed else None
        if not subject.pending_events:
            return None
        if isinstance(subject, Booking):
            self._apply_use(subject, self._use_before, self._unpaid_before)
        elif isinstance(subject, WaitingParty):
            self._waiting_lists.pop(subject.flight_id, None)
        elif isinstance(subject, Flight):
            self.seats[subject.id].seats = subject.seats
            self.seats[subject.id].overbooking = subject.overbooking
        return subject

    def _apply_use(self, booking: Booking, before: SeatUse, unpaid_before: int) -> None:
        self.seats[booking.flight_id].replace_use(before, SeatUse.of(booking))
        if booking.user_id in self.unpaid_seats:
            self.unpaid_seats[booking.user_id] += booking.unpaid_seats(self.now) - unpaid_before
