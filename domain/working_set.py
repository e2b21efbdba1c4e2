"""The working set: the flights, bookings and seat counts that commands are decided against."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID

from domain.booking import Booking, Status
from domain.flight import Flight
from domain.refusals import BookingNotFound, FlightNotFound
from domain.seats import Seats

NaturalKey = tuple[str, str, date]
"""Flight number, origin, departure day."""


class WorkingSet:
    """Holds aggregates in memory while a block of commands is decided in order.

    `now` is the ledger's time for the whole block, `hold` how long a new hold lasts, `new_id` makes UUIDs.
    Nothing here is shared between blocks.
    """

    def __init__(self, now: datetime, hold: timedelta, new_id: Callable[[], UUID]) -> None:
        self.now = now
        self.hold = hold
        self.new_id = new_id
        self.flights: dict[UUID, Flight] = {}
        self.bookings: dict[UUID, Booking] = {}
        self.seats: dict[UUID, Seats] = {}
        self.scheduled: dict[NaturalKey, UUID] = {}
        self._touched: Flight | Booking | None = None
        self._status_before: Status | None = None

    def flight(self, flight_id: UUID) -> Flight:
        """The flight, to be changed. Raises FlightNotFound."""
        flight = self.flights.get(flight_id)
        if flight is None:
            raise FlightNotFound(flight_id=flight_id)
        self._touched = flight
        return flight

    def booking(self, booking_id: UUID) -> Booking:
        """The booking, to be changed. Raises BookingNotFound."""
        booking = self.bookings.get(booking_id)
        if booking is None:
            raise BookingNotFound(booking_id=booking_id)
        self._touched, self._status_before = booking, booking.status
        return booking

    def add(self, new: Flight | Booking) -> None:
        if isinstance(new, Flight):
            self.flights[new.id] = new
            self.seats[new.id] = Seats(new.seats)
            self.scheduled[new.number, new.origin, new.departure_day] = new.id
        else:
            self.bookings[new.id] = new
            self._status_before = None
        self._touched = new

    def settle(self) -> Flight | Booking | None:
        """Make the seat counts follow what the last command did; the aggregate it changed, if any."""
        touched, self._touched = self._touched, None
        if touched is None or not touched.pending_events:
            return None
        if isinstance(touched, Booking):
            self.seats[touched.flight_id].follow(self._status_before, touched.status, touched.seats)
        else:
            self.seats[touched.id].seats = touched.seats
        return touched
