"""The rules told again, as plainly as can be: what each command should come to, given the log before it."""

from datetime import datetime
from typing import Any

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
from trials.simulation.model import BookingFacts, Model


def verdict(model: Model, command: Command, caller: Caller, version: int | None, now: datetime) -> str:
    """The refusal's code, or "accepted"."""
    match command:
        case ScheduleFlight(number=number, origin=origin):
            natural = (number, origin, command.departure_day.isoformat())
            taken = any(flight.natural_key == natural for flight in model.flights.values())
            return "flight-already-scheduled" if taken else "accepted"
        case InitiateBooking() if not caller.may_act_for(command.user_id):
            return "not-your-account"
        case JoinWaitlist() if not caller.may_act_for(command.user_id):
            return "not-your-account"
        case JoinWaitlist():
            return _of_joining(model, command, now)
        case LeaveWaitlist() | OfferSeats() | HoldOffer() | CloseWaiting():
            return _of_party(model, command, caller, now)
        case InitiateBooking() | RepriceFlight() | ChangeFlightSeats() | CancelFlight():
            return _of_flight(model, command, now)
        case SettleRefund(refund_id=refund_id):
            settled = model.refunds.get(refund_id)
            return {None: "refund-not-found", True: "refund-already-settled", False: "accepted"}[settled]
        case _:
            return _of_booking(model, command, caller, version, now)


def _of_flight(
    model: Model, command: InitiateBooking | RepriceFlight | ChangeFlightSeats | CancelFlight, now: datetime
) -> str:
    flight = model.flights.get(command.flight_id)
    if flight is None:
        return "flight-not-found"
    gone = flight.gone(now)
    free = model.free(command.flight_id, now)
    match command:
        case ChangeFlightSeats(seats=seats) if seats < flight.seats - free:
            return "seats-in-use"
        case InitiateBooking(seats=seats) if not gone and seats > free:
            return "not-enough-seats"
    return "flight-not-bookable" if gone else "accepted"


def _of_joining(model: Model, command: JoinWaitlist, now: datetime) -> str:
    flight = model.flights.get(command.flight_id)
    if flight is None:
        return "flight-not-found"
    if flight.gone(now):
        return "flight-not-bookable"
    if command.seats <= model.free(command.flight_id, now):
        return "seats-available"
    if any(party.user_id == command.user_id for party in model.line(command.flight_id)):
        return "already-waiting"
    return "party-larger-than-flight" if command.seats > flight.seats else "accepted"


def _of_party(
    model: Model,
    command: LeaveWaitlist | OfferSeats | HoldOffer | CloseWaiting,
    caller: Caller,
    now: datetime,
) -> str:
    party = model.parties.get(command.waiting_id)
    if party is None or not caller.may_act_for(party.user_id):
        return "waiting-party-not-found"
    match command:
        case HoldOffer():
            fresh = party.booking_id is not None and party.booking_id not in model.bookings
            return "accepted" if fresh else "offered-twice"
        case CloseWaiting():
            over = party.status == "waiting" and model.flights[party.flight_id].gone(now)
            return "accepted" if over else "waiting-not-over"
    gone = isinstance(command, LeaveWaitlist) and model.flights[party.flight_id].gone(now)
    return "accepted" if party.status == "waiting" and not gone else "not-waiting"


def _of_booking(model: Model, command: Any, caller: Caller, version: int | None, now: datetime) -> str:
    booking = model.bookings.get(command.booking_id)
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
            return _of_live(booking, now) or fewer
    return _of_payment(command, booking, now)


def _of_live(booking: BookingFacts, now: datetime) -> str:
    if booking.status == "expired" or booking.due(now):
        return "hold-expired"
    if booking.status == "cancelled":
        return "booking-cancelled"
    return "payment-in-progress" if booking.status == "pending" else ""


def _of_payment(command: PayBooking, booking: BookingFacts, now: datetime) -> str:
    if booking.status == "paid":
        return "already-paid"
    right = command.total_cost.amount == booking.cost
    return _of_live(booking, now) or ("accepted" if right else "price-mismatch")


def _of_pending(booking: BookingFacts) -> str:
    """Whether a payment of it may be resolved."""
    return {
        "held": "payment-not-pending",
        "pending": "accepted",
        "paid": "already-paid",
        "cancelled": "booking-cancelled",
        "expired": "booking-cancelled",
    }[booking.status]
