"""Rules that all holds of one command have to meet together."""

from collections.abc import Sequence

from domain.caller import CommandContext
from domain.commands.bookings import InitiateBooking
from domain.flight import Flight
from domain.money import Money
from domain.refusals.bookings import TooManyHolds, TotalTooLarge
from domain.refusals.requests import NotYourAccount
from domain.working_set import WorkingSet


def require_bookable(
    commands: Sequence[InitiateBooking], context: CommandContext, working_set: WorkingSet
) -> tuple[Flight, list[Money]]:
    """Check that all these holds on one flight can be granted; return the flight and the cost of each.

    Raises NotYourAccount, FlightNotFound, FlightNotBookable, NotEnoughSeats, TotalTooLarge.
    """
    asked = 0
    for command in commands:
        if not context.caller.may_act_for(command.user_id):
            raise NotYourAccount
        asked += command.seats
    flight = working_set.flight(commands[0].flight_id)
    flight.require_bookable(working_set.now)
    working_set.seats[flight.id].require(asked, flight.id)
    try:
        return flight, [flight.price.times(command.seats) for command in commands]
    except ValueError:
        seats = max(command.seats for command in commands)
        raise TotalTooLarge(price=flight.price, seats=seats) from None


def require_few_holds(
    commands: Sequence[InitiateBooking], context: CommandContext, working_set: WorkingSet
) -> None:
    """Check that the user may hold all these seats beside its other unpaid ones. Raises TooManyHolds.

    An operator holds seats for any user without this limit.
    """
    most = working_set.terms.unpaid_seats_max
    if not most or context.caller.has_no_limits:
        return
    unpaid, asked = working_set.unpaid_seats.get(commands[0].user_id), sum(one.seats for one in commands)
    if unpaid is not None and unpaid + asked > most:
        raise TooManyHolds(
            f"{asked} asked for, {unpaid} held and unpaid, at most {most} at a time.",
            asked=asked,
            unpaid=unpaid,
            limit=most,
        )
