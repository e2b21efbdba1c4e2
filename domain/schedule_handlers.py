"""Handlers of commands that change the times of flights; listed in `domain.handlers.HANDLERS`."""

from datetime import UTC

from domain.booking import Booking
from domain.caller import CommandContext
from domain.changed_flight import ChangedFlight
from domain.commands.bookings import AcceptChange
from domain.commands.flights import RetimeFlight
from domain.flight import Flight
from domain.refusals.flights import DepartureInPast, FlightAlreadyScheduled
from domain.schedule import Retiming, Times
from domain.working_set import WorkingSet


def retime_flight(command: RetimeFlight, context: CommandContext, working_set: WorkingSet) -> ChangedFlight:
    """Change the times, and those of all live bookings. The block has already expired the due holds."""
    flight = working_set.flight(command.flight_id)
    context.require_version(flight)
    was, before = flight.times, flight.natural_key
    times = Times(command.departs_at.astimezone(UTC), command.arrives_at.astimezone(UTC))
    flight.require_changeable(working_set.now, working_set.terms.delay_max)
    if times.departs_at <= working_set.now:
        raise DepartureInPast(now=working_set.now)
    key = flight.number, flight.origin, command.departure_day
    taken = working_set.scheduled.get(key)
    if taken not in (None, flight.id):
        raise FlightAlreadyScheduled(flight_id=taken)
    flight.retime(times, command.departure_day, command.reason, working_set.now, working_set.terms.delay_max)
    working_set.scheduled.pop(before, None)
    working_set.scheduled[key] = flight.id
    bookings = [one for one in working_set.live_bookings(flight.id) if one.travel is None]
    retiming = retiming_to(flight, was, working_set)
    for booking in bookings:
        booking.change_schedule(retiming, working_set.now)
    return ChangedFlight(flight, bookings)


def accept_change(command: AcceptChange, context: CommandContext, working_set: WorkingSet) -> Booking:
    booking = working_set.own_booking(command.booking_id, context.caller)
    context.require_version(booking)
    booking.accept_change(working_set.now)
    return booking


def retiming_to(
    flight: Flight, was: Times, working_set: WorkingSet, *, other_route: bool = False
) -> Retiming:
    """Return the terms for bookings that have the times of this flight now, and had others before."""
    now, terms = working_set.now, working_set.terms
    return Retiming(
        was,
        flight.times,
        min(now + terms.answer_window, flight.departs_at),
        terms.small_change,
        now + terms.hold,
        now + terms.capture_window,
        other_route,
    )
