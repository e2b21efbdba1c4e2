"""The checker's own fold of the log. It shares no code with the program."""

from dataclasses import dataclass
from datetime import UTC, datetime

from trials.checker.booking_steps import follow
from trials.checker.bookings import Booking
from trials.checker.flights import Flight, Row, instant
from trials.checker.log import Event
from trials.checker.parts import Parts
from trials.checker.prices import times


@dataclass(slots=True)
class Party:
    """A party on a waiting list. `booking` is the hold that it was offered."""

    flight: str
    user: str
    seats: int
    status: str = "waiting"
    booking: str | None = None


class Model:
    """All flights, bookings, refunds and waiting parties as of the last event applied."""

    def __init__(self) -> None:
        self.flights: dict[str, Flight] = {}
        self.bookings: dict[str, Booking] = {}
        self.refunds: dict[str, Row] = {}
        self.parties: dict[str, Party] = {}
        """In the order in which they joined."""
        self.time = datetime.min.replace(tzinfo=UTC)
        """The time of the last event. The ledger's time is never behind it."""
        self._emptied: tuple[Flight, Event] | None = None
        """The flight that was just cancelled, or departed: its bookings, or holds, must follow at once."""
        self._parts = Parts(self.bookings)
        self._untold: tuple[set[str], Event] | None = None
        """The bookings of a flight that was just retimed: each has an event of the same command."""

    def apply(self, event: Event) -> list[str]:
        """Apply the event; return what is wrong with it. Raises KeyError for an unknown subject."""
        wrong = []
        if self._emptied and not self._may_share_block(self._emptied[1], event):
            wrong = self.left_behind()
        if self._untold and event.command != self._untold[1].command:
            wrong += self.untold()
        self.time = max(self.time, event.recorded_at)
        wrong += self._parts.before(event)
        return wrong + self._apply(event) + self._parts.after(event)

    def left_behind(self) -> list[str]:
        """Return the bookings that a cancelled or departed flight leaves behind, once its block is over."""
        flight, gone = self._emptied or (None, None)
        self._emptied = None
        left = [] if flight is None else flight.live if flight.is_cancelled else [*flight.holds]
        return [f"bookings {left} outlive their flight: {gone}"] if left else []

    def untold(self) -> list[str]:
        """Return the bookings that the command of a retimed flight left out, once it is over."""
        left, cause = self._untold or (set(), None)
        self._untold = None
        return [f"bookings {sorted(left)} are not told of the new times: {cause}"] if left else []

    def find(self, id: str) -> Row | None:
        """Return the row of the flight, the booking or the refund with that id, as callers see it."""
        found = self.flights.get(id) or self.bookings.get(id)
        return found.row if found else self.refunds.get(id)

    def flight_of(self, id: str) -> Flight:
        """Return the flight that a flight's, a booking's or a party's stream is about."""
        if booking := self.bookings.get(id):
            return booking.flight
        party = self.parties.get(id)
        return self.flights[party.flight if party else id]

    def waiting(self, flight: str) -> list[Party]:
        """Return the parties that wait for the flight, the first to join first."""
        return [each for each in self.parties.values() if each.flight == flight and each.status == "waiting"]

    def _apply(self, event: Event) -> list[str]:
        subject, state = str(event.subject), event.state
        kind, _, name = event.topic.partition(".")
        if kind == "waiting":
            self._follow_party(subject, name, state)
            return []
        if event.topic == "flight.scheduled":
            self.flights[subject] = Flight.scheduled(event)
            return []
        if kind == "flight":
            flight = self.flights[subject]
            if event.topic == "flight.retimed":
                told = (id for id in flight.live if self.bookings[id].row["travel"] is None)
                self._untold = set(told), event
            if event.topic in ("flight.cancelled", "flight.departed"):
                self._emptied = flight, event
            return flight.follow(event)
        if event.topic == "booking.initiated":
            flight = self.flights[state["flight_id"]]
            self.bookings[subject] = Booking.initiated(event, self.flights)
            gone = "cancelled" if flight.is_cancelled else "departed"
            late = [f"a {gone} flight is booked: {event}"] if flight.is_closed(event.recorded_at) else []
            if instant(state["expires_at"]) > flight.departs_at:
                late.append(f"a hold outlasts the departure: {event}")
            is_part = event.operation == "split_booking"
            if not is_part and state["total_cost"] != times(flight.row["price"], state["seats"]):
                late.append(f"{state['total_cost']} is not the price {flight.row['price']}: {event}")
            if not is_part and state.get("cancellation_policy") != flight.row.get("cancellation_policy"):
                late.append(f"a booking has another policy than its flight: {event}")
            return late + flight.oversold(event)
        booking = self.bookings[subject]
        if event.topic == "booking.schedule_changed" and self._untold:
            self._untold[0].discard(subject)
        wrong = follow(booking, event)
        self.refunds.update(booking.refunds)
        return wrong

    def _follow_party(self, subject: str, name: str, state: Row) -> None:
        if name == "joined":
            self.parties[subject] = Party(state["flight_id"], state["user_id"], state["seats"])
        elif name == "offered":
            self.parties[subject].status, self.parties[subject].booking = name, state["booking_id"]
        else:
            self.parties[subject].status = name

    def _may_share_block(self, cancelled: Event, event: Event) -> bool:
        """Return whether the event may be of the block of the cancellation.

        Such a block has one instant, and all else in it are the ledger's own commands.
        """
        return event.is_own and event.recorded_at == cancelled.recorded_at
