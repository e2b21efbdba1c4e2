"""The working set: the flights, bookings and seat counts that commands are decided against."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking, Status
from domain.flight import Flight
from domain.refusals import BookingNotFound, FlightNotFound, RefundNotFound
from domain.seats import NONE_USED, Seats, SeatUse

NaturalKey = tuple[str, str, date]
"""Flight number, origin, departure day."""


class Terms(NamedTuple):
    """How long a new hold lasts, how long a payment may wait to be captured, and who moves the money.

    With no gateway the caller vouches for payments.
    """

    hold: timedelta
    capture_window: timedelta
    gateway: str | None = None


class WorkingSet:
    """Holds aggregates in memory while a block of commands is decided in order.

    `now` is the ledger's time for the whole block; `new_id` makes UUIDs. No two blocks share anything here.
    """

    def __init__(self, now: datetime, terms: Terms, new_id: Callable[[], UUID]) -> None:
        self.now = now
        self.terms = terms
        self.new_id = new_id
        self.flights: dict[UUID, Flight] = {}
        self.bookings: dict[UUID, Booking] = {}
        self.seats: dict[UUID, Seats] = {}
        self.scheduled: dict[NaturalKey, UUID] = {}
        self._touched: Flight | Booking | None = None
        self._use_before = NONE_USED

    @property
    def capture_before(self) -> datetime:
        """Until when a payment that is authorised now may be captured."""
        return self.now + self.terms.capture_window

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
        self._touched, self._use_before = booking, SeatUse.of(booking)
        return booking

    def booking_of_refund(self, refund_id: UUID) -> Booking:
        """The booking that the refund belongs to, to be changed. Raises RefundNotFound."""
        for booking in self.bookings.values():
            if refund_id in booking.refunds:
                return self.booking(booking.id)
        raise RefundNotFound(refund_id=refund_id)

    def live_bookings(self, flight_id: UUID) -> list[Booking]:
        """The flight's bookings in the set that are not cancelled."""
        return [
            booking
            for booking in self.bookings.values()
            if booking.flight_id == flight_id and booking.status is not Status.CANCELLED
        ]

    def add(self, new: Flight | Booking) -> None:
        if isinstance(new, Flight):
            self.flights[new.id] = new
            self.seats[new.id] = Seats(new.seats)
            self.scheduled[new.number, new.origin, new.departure_day] = new.id
        else:
            self.bookings[new.id] = new
            self._use_before = NONE_USED
        self._touched = new

    def settle(self) -> Flight | Booking | None:
        """Make the seat counts follow what the last command did; the aggregate it changed, if any."""
        touched, self._touched = self._touched, None
        if touched is None or not touched.pending_events:
            return None
        if isinstance(touched, Booking):
            self.seats[touched.flight_id].follow(self._use_before, SeatUse.of(touched))
        else:
            self.seats[touched.id].seats = touched.seats
        return touched
