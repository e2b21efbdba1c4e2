"""The judge's own fold of the log, which shares no code with the program that it judges."""

from datetime import UTC, datetime

from trials.checker.bookings import Booking
from trials.checker.flights import Flight, Shown
from trials.checker.log import Event


class Model:
    """All flights, bookings and refunds as of the last event applied."""

    def __init__(self) -> None:
        self.flights: dict[str, Flight] = {}
        self.bookings: dict[str, Booking] = {}
        self.refunds: dict[str, Shown] = {}
        self.time = datetime.min.replace(tzinfo=UTC)
        """That of the last event: the ledger's time is never behind it."""
        self._emptied: tuple[Flight, Event] | None = None
        """The flight that was just cancelled, whose bookings must follow at once."""

    def apply(self, event: Event) -> list[str]:
        """What is wrong with this event, one sentence each. Raises KeyError for an unknown subject."""
        wrong = []
        if self._emptied and not self._follows(self._emptied[1], event):
            wrong = self.left_behind()
        self.time = max(self.time, event.recorded_at)
        return wrong + self._applied(event)

    def left_behind(self) -> list[str]:
        """Live bookings of a flight that is cancelled: for when its block is over."""
        flight, cancelled = self._emptied or (None, None)
        self._emptied = None
        if flight is None or not flight.live:
            return []
        return [f"bookings {flight.live} outlive their flight: {cancelled}"]

    def find(self, id: str) -> Shown | None:
        """What callers see of the flight, the booking or the refund with that id."""
        found = self.flights.get(id) or self.bookings.get(id)
        return found.shown if found else self.refunds.get(id)

    def _applied(self, event: Event) -> list[str]:
        subject = str(event.subject)
        if event.topic == "flight.scheduled":
            self.flights[subject] = Flight.scheduled(event)
            return []
        if event.topic.startswith("flight."):
            flight = self.flights[subject]
            if event.topic == "flight.cancelled":
                self._emptied = flight, event
            return flight.follow(event)
        if event.topic == "booking.initiated":
            flight = self.flights[event.state["flight_id"]]
            self.bookings[subject] = Booking.initiated(event, flight)
            late = [f"a cancelled flight is booked: {event}"] if flight.is_cancelled else []
            return late + flight.oversold(event)
        booking = self.bookings[subject]
        wrong = booking.follow(event)
        self.refunds.update(booking.refunds)
        return wrong

    def _follows(self, cancelled: Event, event: Event) -> bool:
        """May it be of the same block? That is of one instant, and all else in it the ledger's own."""
        return event.is_the_ledgers_own and event.recorded_at == cancelled.recorded_at
