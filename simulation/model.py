"""The rules told again, as plainly as can be: what each command should come to, given the log before it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.caller import Caller
from domain.commands import (
    CancelBooking,
    CancelFlight,
    CancelWithFlight,
    CapturePayment,
    ChangeFlightSeats,
    CloseWaiting,
    Command,
    ExpireHold,
    HoldOffer,
    InitiateBooking,
    JoinWaitlist,
    LeaveWaitlist,
    OfferSeats,
    PayBooking,
    ReduceSeats,
    RepriceFlight,
    ScheduleFlight,
    SettleRefund,
    VoidPayment,
)
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

    def verdict(self, command: Command, caller: Caller, version: int | None, now: datetime) -> str:
        """The refusal's code, or "accepted"."""
        match command:
            case ScheduleFlight(number=number, origin=origin):
                natural = (number, origin, command.departure_day.isoformat())
                taken = any(flight.natural_key == natural for flight in self.flights.values())
                return "flight-already-scheduled" if taken else "accepted"
            case InitiateBooking() if not caller.may_act_for(command.user_id):
                return "not-your-account"
            case JoinWaitlist() if not caller.may_act_for(command.user_id):
                return "not-your-account"
            case JoinWaitlist():
                return self._of_joining(command, now)
            case LeaveWaitlist() | OfferSeats() | HoldOffer() | CloseWaiting():
                return self._of_party(command, caller, now)
            case InitiateBooking() | RepriceFlight() | ChangeFlightSeats() | CancelFlight():
                return self._of_flight(command, now)
            case SettleRefund(refund_id=refund_id):
                settled = self.refunds.get(refund_id)
                return {None: "refund-not-found", True: "refund-already-settled", False: "accepted"}[settled]
            case _:
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

    def _of_flight(
        self, command: InitiateBooking | RepriceFlight | ChangeFlightSeats | CancelFlight, now: datetime
    ) -> str:
        flight = self.flights.get(command.flight_id)
        if flight is None:
            return "flight-not-found"
        gone = flight.gone(now)
        free = self.free(command.flight_id, now)
        match command:
            case ChangeFlightSeats(seats=seats) if seats < flight.seats - free:
                return "seats-in-use"
            case InitiateBooking(seats=seats) if not gone and seats > free:
                return "not-enough-seats"
        return "flight-not-bookable" if gone else "accepted"

    def _of_joining(self, command: JoinWaitlist, now: datetime) -> str:
        flight = self.flights.get(command.flight_id)
        if flight is None:
            return "flight-not-found"
        if flight.gone(now):
            return "flight-not-bookable"
        if command.seats <= self.free(command.flight_id, now):
            return "seats-available"
        if any(party.user_id == command.user_id for party in self.line(command.flight_id)):
            return "already-waiting"
        return "party-larger-than-flight" if command.seats > flight.seats else "accepted"

    def _of_party(
        self, command: LeaveWaitlist | OfferSeats | HoldOffer | CloseWaiting, caller: Caller, now: datetime
    ) -> str:
        party = self.parties.get(command.waiting_id)
        if party is None or not caller.may_act_for(party.user_id):
            return "waiting-party-not-found"
        match command:
            case HoldOffer():
                fresh = party.booking_id is not None and party.booking_id not in self.bookings
                return "accepted" if fresh else "offered-twice"
            case CloseWaiting():
                over = party.status == "waiting" and self.flights[party.flight_id].gone(now)
                return "accepted" if over else "waiting-not-over"
        gone = isinstance(command, LeaveWaitlist) and self.flights[party.flight_id].gone(now)
        return "accepted" if party.status == "waiting" and not gone else "not-waiting"

    def _of_booking(self, command: Any, caller: Caller, version: int | None, now: datetime) -> str:
        booking = self.bookings.get(command.booking_id)
        if booking is None:
            return "booking-not-found"
        match command:
            case ExpireHold():
                return "accepted" if booking.due(now) else "hold-not-due"
            case CancelWithFlight():
                return "booking-cancelled" if booking.status in ("cancelled", "expired") else "accepted"
            case PayBooking(user_id=user_id) if user_id != booking.user_id:
                return "booking-not-found"
            case PayBooking() | CancelBooking() | ReduceSeats() if not caller.may_act_for(booking.user_id):
                return "booking-not-found"
        if version is not None and version != booking.version:
            return "stale-version"
        match command:
            case CancelBooking():
                return "booking-cancelled" if booking.status in ("cancelled", "expired") else "accepted"
            case CapturePayment() if booking.awaits_money:
                return "accepted"
            case CapturePayment() | VoidPayment():
                return _of_pending(booking)
            case ReduceSeats(seats=seats):
                fewer = "accepted" if seats < booking.seats else "seats-not-fewer"
                return self._of_live(booking, now) or fewer
        return self._of_payment(command, booking, now)

    def _of_live(self, booking: BookingFacts, now: datetime) -> str:
        if booking.status == "expired" or booking.due(now):
            return "hold-expired"
        if booking.status == "cancelled":
            return "booking-cancelled"
        return "payment-in-progress" if booking.status == "pending" else ""

    def _of_payment(self, command: PayBooking, booking: BookingFacts, now: datetime) -> str:
        if booking.status == "paid":
            return "already-paid"
        right = command.total_cost.amount == booking.cost
        return self._of_live(booking, now) or ("accepted" if right else "price-mismatch")


def _of_pending(booking: BookingFacts) -> str:
    """Whether a payment of it may be resolved."""
    return {
        "held": "payment-not-pending",
        "pending": "accepted",
        "paid": "already-paid",
        "cancelled": "booking-cancelled",
        "expired": "booking-cancelled",
    }[booking.status]
