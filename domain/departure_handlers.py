"""Handlers of commands that depend on a departure; listed in `domain.handlers.HANDLERS`."""

from msgspec import UNSET, UnsetType

from domain.booking import Booking
from domain.booking_state import CancelReason, Status
from domain.caller import CommandContext
from domain.commands.bookings import CancelBooking, DenyBoarding, StatedRefund, TravelCommand
from domain.commands.flights import DepartFlight
from domain.flight import Flight
from domain.money import Money
from domain.refusals.bookings import BookingCancelled
from domain.refusals.flights import FlightDeparted, FlightNotDeparted
from domain.refusals.refunds import RefundNotStated, RefundTooLarge
from domain.working_set import WorkingSet


def depart_flight(command: DepartFlight, context: CommandContext, working_set: WorkingSet) -> Flight:
    """Record the departure only. The block then ends each unpaid hold with an ExpireHold."""
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    flight.depart(working_set.now)
    return flight


def cancel_booking(command: CancelBooking, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.own_booking(command.booking_id, context.caller)
    context.require_version(booking)
    require_cancellable(booking, command.refund, context, working_set)
    booking.cancel(
        CancelReason.REQUESTED,
        command.reason,
        working_set.new_id(),
        working_set.now,
        refund=_stated_refund(command.refund, booking),
    )
    return booking


def deny_boarding(command: DenyBoarding, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking(command.booking_id)
    context.require_version(booking)
    compensation = None if isinstance(command.compensation, UnsetType) else command.compensation.as_money()
    refund_ids = working_set.new_id(), working_set.new_id()
    booking.deny_boarding(command.reason, refund_ids, compensation, working_set.now)
    return booking


def record_travel(command: TravelCommand, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.booking(command.booking_id)
    context.require_version(booking)
    if not working_set.has_departed(booking.flight_id):
        raise FlightNotDeparted(flight_id=booking.flight_id)
    ids = None if isinstance(command.passengers, UnsetType) else command.passengers
    booking.record_travel(command.TRAVEL, ids, working_set.now)
    return booking


def require_cancellable(
    booking: Booking, stated: StatedRefund | UnsetType, context: CommandContext, working_set: WorkingSet
) -> None:
    """Check that the caller may cancel: after the departure only an operator, with a stated refund if paid.

    Raises BookingCancelled, FlightDeparted, RefundNotStated.
    """
    if booking.status is Status.CANCELLED:
        raise BookingCancelled(booking_id=booking.id, reason=booking.cancel_reason)
    if working_set.has_departed(booking.flight_id):
        if not context.caller.has_no_limits:
            raise FlightDeparted(flight_id=booking.flight_id)
        if booking.status is Status.BOOKED and stated is UNSET:
            raise RefundNotStated(booking_id=booking.id, paid=booking.paid)


def _stated_refund(stated: StatedRefund | UnsetType, booking: Booking) -> Money | None:
    """Return the stated refund; None leaves it to the rules. Raises RefundTooLarge."""
    paid = booking.paid
    if isinstance(stated, UnsetType):
        return None
    if isinstance(stated, str):
        return paid if stated == "full" else Money(0, paid.currency)
    same_currency = stated.currency in (UNSET, paid.currency)
    if stated.amount > paid.amount or not same_currency:
        raise RefundTooLarge(asked=stated, paid=paid)
    return paid.share(stated.amount)
