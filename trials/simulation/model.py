"""What the log says, told again as plainly as can be: flights, bookings, refunds, and who waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.log import RecordedEvent


@dataclass(slots=True)
class FlightFacts:
    seats: int
    price: int
    natural_key: tuple[str, str, str]
    departs_at: datetime
    cancelled: bool = False

    def gone(self, now: datetime) -> bool:
        return self.cancelled or self.departs_at <= now


@dataclass(slots=True)
class BookingFacts:
    """`awaits_money`: a payment was authorised, and neither captured nor voided since."""

    flight_id: UUID
    user_id: str
    seats: int
    cost: int
    expires_at: datetime
    until: datetime
    status: str = "held"
    version: int = 1
    awaits_money: bool = False

    def due(self, now: datetime) -> bool:
        return self.status in ("held", "pending") and self.until <= now

    def uses_seats(self, now: datetime) -> bool:
        return self.status == "paid" or (self.status in ("held", "pending") and self.until > now)


@dataclass(slots=True)
class PartyFacts:
    flight_id: UUID
    user_id: str
    seats: int
    status: str = "waiting"
    booking_id: UUID | None = None


class Model:
    """Knows nothing of aggregates, seat counts or views; a due hold uses no seat, tidied away or not."""

    def __init__(self) -> None:
        self.flights: dict[UUID, FlightFacts] = {}
        self.bookings: dict[UUID, BookingFacts] = {}
        self.refunds: dict[UUID, bool] = {}
        """Each refund, and whether it is settled."""
        self.parties: dict[UUID, PartyFacts] = {}
        """In the order in which they joined."""

    def flight_of(self, id: UUID) -> UUID:
        """The flight that a stream is about."""
        of = self.bookings.get(id) or self.parties.get(id)
        return of.flight_id if of else id

    def line(self, flight_id: UUID) -> list[PartyFacts]:
        """Who waits for the flight, first come first."""
        return [p for p in self.parties.values() if p.flight_id == flight_id and p.status == "waiting"]

    def free(self, flight_id: UUID, now: datetime) -> int:
        bookings = (b for b in self.bookings.values() if b.flight_id == flight_id and b.uses_seats(now))
        return self.flights[flight_id].seats - sum(booking.seats for booking in bookings)

    def written(self, flight_id: UUID) -> tuple[int, int, int]:
        """Seats, held and booked as the ledger counts them: a due hold is held until somebody tidies it."""
        counts = {"held": 0, "pending": 0, "paid": 0, "cancelled": 0, "expired": 0}
        for booking in self.bookings.values():
            if booking.flight_id == flight_id:
                counts[booking.status] += booking.seats
        return self.flights[flight_id].seats, counts["held"] + counts["pending"], counts["paid"]

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
            case "waiting.joined":
                self.parties[event.originator_id] = PartyFacts(fields.flight_id, fields.user_id, fields.seats)
            case "waiting.offered":
                self.parties[event.originator_id].booking_id = fields.booking_id
                self.parties[event.originator_id].status = "offered"
            case "waiting.left" | "waiting.closed":
                self.parties[event.originator_id].status = "gone"
            case "flight.cancelled":
                self.flights[event.originator_id].cancelled = True
            case "booking.initiated":
                self.bookings[event.originator_id] = BookingFacts(
                    fields.flight_id,
                    fields.user_id,
                    fields.seats,
                    fields.total_cost.amount,
                    fields.expires_at,
                    fields.expires_at,
                )
            case _:
                assert booking is not None
                self._follow_booking(booking, event.topic, fields)

    def _follow_booking(self, booking: BookingFacts, topic: str, fields: Any) -> None:
        match topic:
            case "booking.payment_pending":
                booking.status, booking.awaits_money = "pending", True
                booking.until = fields.capture_before or booking.until
            case "booking.booked":
                booking.status, booking.awaits_money = "paid", False
            case "booking.payment_voided":
                booking.status, booking.awaits_money = "held", False
                booking.until = booking.expires_at
            case "booking.reseated":
                booking.status = "pending"
            case "booking.seats_reduced":
                booking.seats, booking.cost = fields.seats, fields.total_cost.amount
            case "booking.cancelled":
                booking.status = "expired" if fields.reason.value == "hold_expired" else "cancelled"
            case "booking.refund_due":
                booking.awaits_money = False
                self.refunds[fields.refund_id] = False
            case "booking.refund_settled":
                self.refunds[fields.refund_id] = True
            case _:
                raise KeyError(topic)
