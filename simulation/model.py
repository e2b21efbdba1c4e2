"""The rules told again, as plainly as can be: what each command should come to, given the log before it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.caller import Caller
from domain.commands import (
    CancelBooking,
    ChangeFlightSeats,
    Command,
    ExpireHold,
    InitiateBooking,
    PayBooking,
    RepriceFlight,
    ScheduleFlight,
)
from ledger.log import RecordedEvent


@dataclass(slots=True)
class FlightFacts:
    seats: int
    price: int
    natural_key: tuple[str, str, str]
    departs_at: datetime


@dataclass(slots=True)
class BookingFacts:
    flight_id: UUID
    user_id: str
    seats: int
    cost: int
    expires_at: datetime
    status: str = "held"
    version: int = 1

    def due(self, now: datetime) -> bool:
        return self.status == "held" and self.expires_at <= now

    def uses_seats(self, now: datetime) -> bool:
        return self.status == "paid" or (self.status == "held" and self.expires_at > now)


class Model:
    """Knows nothing of aggregates, seat counts or views; a due hold uses no seat, tidied away or not."""

    def __init__(self) -> None:
        self.flights: dict[UUID, FlightFacts] = {}
        self.bookings: dict[UUID, BookingFacts] = {}

    def free(self, flight_id: UUID, now: datetime) -> int:
        bookings = (b for b in self.bookings.values() if b.flight_id == flight_id and b.uses_seats(now))
        return self.flights[flight_id].seats - sum(booking.seats for booking in bookings)

    def written(self, flight_id: UUID) -> tuple[int, int, int]:
        """Seats, held and booked as the ledger counts them: a due hold is held until somebody tidies it."""
        counts = {"held": 0, "paid": 0, "cancelled": 0, "expired": 0}
        for booking in self.bookings.values():
            if booking.flight_id == flight_id:
                counts[booking.status] += booking.seats
        return self.flights[flight_id].seats, counts["held"], counts["paid"]

    def verdict(self, command: Command, caller: Caller, version: int | None, now: datetime) -> str:
        """The refusal's code, or "accepted"."""
        match command:
            case ScheduleFlight(number=number, origin=origin):
                natural = (number, origin, command.departure_day.isoformat())
                taken = any(flight.natural_key == natural for flight in self.flights.values())
                return "flight-already-scheduled" if taken else "accepted"
            case InitiateBooking() if not caller.may_act_for(command.user_id):
                return "not-your-account"
            case InitiateBooking() | RepriceFlight() | ChangeFlightSeats():
                return self._of_flight(command, now)
            case PayBooking() | CancelBooking() | ExpireHold():
                return self._of_booking(command, caller, version, now)

    def follow(self, event: RecordedEvent) -> None:
        """Raises KeyError for an event that the model does not know."""
        fields = event.decoded()
        booking = self.bookings.get(event.originator_id)
        if booking is not None:
            booking.version = event.originator_version
        match event.topic:
            case "flight.scheduled":
                natural = (fields.number, fields.origin, fields.departure_day.isoformat())
                self.flights[event.originator_id] = FlightFacts(
                    fields.seats, fields.price.amount, natural, fields.departs_at
                )
            case "flight.repriced":
                self.flights[event.originator_id].price = fields.price.amount
            case "flight.seats_changed":
                self.flights[event.originator_id].seats = fields.seats
            case "booking.initiated":
                self.bookings[event.originator_id] = BookingFacts(
                    fields.flight_id,
                    fields.user_id,
                    fields.seats,
                    fields.total_cost.amount,
                    fields.expires_at,
                )
            case "booking.booked":
                self.bookings[event.originator_id].status = "paid"
            case "booking.cancelled":
                expired = fields.reason.value == "hold_expired"
                self.bookings[event.originator_id].status = "expired" if expired else "cancelled"
            case "booking.payment_pending" | "booking.refund_due":
                pass
            case topic:
                raise KeyError(topic)

    def _of_flight(self, command: InitiateBooking | RepriceFlight | ChangeFlightSeats, now: datetime) -> str:
        flight = self.flights.get(command.flight_id)
        if flight is None:
            return "flight-not-found"
        gone = flight.departs_at <= now
        free = self.free(command.flight_id, now)
        match command:
            case ChangeFlightSeats(seats=seats) if seats < flight.seats - free:
                return "seats-in-use"
            case InitiateBooking(seats=seats) if not gone and seats > free:
                return "not-enough-seats"
        return "flight-not-bookable" if gone else "accepted"

    def _of_booking(
        self,
        command: PayBooking | CancelBooking | ExpireHold,
        caller: Caller,
        version: int | None,
        now: datetime,
    ) -> str:
        booking = self.bookings.get(command.booking_id)
        if booking is None or not caller.may_act_for(booking.user_id):
            return "booking-not-found"
        if isinstance(command, ExpireHold):
            return "accepted" if booking.due(now) else "hold-not-due"
        if isinstance(command, PayBooking) and command.user_id != booking.user_id:
            return "booking-not-found"
        if version is not None and version != booking.version:
            return "stale-version"
        if isinstance(command, CancelBooking):
            return "booking-cancelled" if booking.status in ("cancelled", "expired") else "accepted"
        return self._of_payment(command, booking, now)

    def _of_payment(self, command: PayBooking, booking: BookingFacts, now: datetime) -> str:
        if booking.status == "expired" or booking.due(now):
            return "hold-expired"
        if booking.status == "cancelled":
            return "booking-cancelled"
        if booking.status == "paid":
            return "already-paid"
        return "accepted" if command.total_cost.amount == booking.cost else "price-mismatch"
