"""Handlers of commands about waiting lists; listed in `domain.handlers.HANDLERS`."""

from domain.booking import Booking
from domain.caller import CommandContext
from domain.commands.waiting import CloseWaiting, HoldOffer, JoinWaitlist, LeaveWaitlist, OfferSeats
from domain.flight import Flight, FlightStatus
from domain.refusals.requests import NotYourAccount
from domain.refusals.waiting import (
    AlreadyWaiting,
    NotWaiting,
    PartyLargerThanFlight,
    SeatsAvailable,
    WaitingListFull,
    WaitingPartyNotFound,
)
from domain.waiting import WAITING_MAX, CloseReason, WaitingParty, WaitingStatus, next_party_id
from domain.working_set import WorkingSet

_CLOSES = {
    FlightStatus.CANCELLED: CloseReason.FLIGHT_CANCELLED,
    FlightStatus.DEPARTED: CloseReason.FLIGHT_DEPARTED,
}


def join_waitlist(command: JoinWaitlist, context: CommandContext, working_set: WorkingSet) -> WaitingParty:
    """Add a party to the list. The block has already expired due holds and served the waiting parties."""
    if not context.caller.may_act_for(command.user_id):
        raise NotYourAccount
    flight = working_set.flight(command.flight_id)
    flight.require_bookable(working_set.now)
    seats, free = command.seats, working_set.seats[flight.id].free
    waiting_list = working_set.waiting_list(flight.id)
    if seats <= free:
        raise SeatsAvailable(f"{seats} asked for, {free} free.", asked=seats, free=free)
    for party in waiting_list:
        if party.user_id == command.user_id:
            raise AlreadyWaiting(waiting_id=party.id)
    if seats > flight.seats + flight.overbooking:
        raise PartyLargerThanFlight(asked=seats, seats=flight.seats, overbooking=flight.overbooking)
    if len(waiting_list) >= WAITING_MAX:
        raise WaitingListFull(waiting=len(waiting_list))
    id = next_party_id(waiting_list[-1] if waiting_list else None, working_set.new_id(), working_set.now)
    party = WaitingParty.join(
        id=id, flight_id=flight.id, user_id=command.user_id, seats=seats, now=working_set.now
    )
    party.place = len(waiting_list) + 1
    working_set.add(party)
    return party


def leave_waitlist(command: LeaveWaitlist, context: CommandContext, working_set: WorkingSet) -> WaitingParty:
    """Take a party off the list. The party of another account is refused exactly like an unknown one."""
    party = working_set.party(command.waiting_id)
    if not context.caller.may_act_for(party.user_id):
        raise WaitingPartyNotFound(waiting_id=command.waiting_id)
    context.require_version(party)
    if party.is_waiting and working_set.flights[party.flight_id].status(working_set.now) in _CLOSES:
        # From the departure on, the party counts as closed, even if no event records that yet.
        raise NotWaiting(waiting_id=party.id, was=WaitingStatus.CLOSED)
    party.leave(working_set.now)
    return party


def offer_seats(command: OfferSeats, context: CommandContext, working_set: WorkingSet) -> WaitingParty:
    """Offer the seats. The block has checked `may_be_offered`, and runs `hold_offer` right after this."""
    party = working_set.party(command.waiting_id)
    until = working_set.now + working_set.terms.offer_window
    until = min(until, working_set.flights[party.flight_id].departure)
    party.offer(working_set.new_id(), until, working_set.now)
    return party


def hold_offer(command: HoldOffer, context: CommandContext, working_set: WorkingSet) -> Booking:
    """Create the offered hold at the current price."""
    party = working_set.parties[command.waiting_id]
    flight = working_set.flights[party.flight_id]
    assert party.booking_id is not None
    assert party.offer_expires_at is not None
    booking = Booking.initiate(
        id=party.booking_id,
        flight_id=flight.id,
        user_id=party.user_id,
        seats=party.seats,
        total_cost=flight.price.times(party.seats),
        expires_at=party.offer_expires_at,
        cancellation_policy=flight.cancellation_policy,
        now=working_set.now,
    )
    working_set.add(booking)
    return booking


def close_waiting(command: CloseWaiting, context: CommandContext, working_set: WorkingSet) -> WaitingParty:
    party = working_set.party(command.waiting_id)
    party.close(_CLOSES.get(working_set.flights[party.flight_id].status(working_set.now)), working_set.now)
    return party


def may_be_offered(party: WaitingParty, flight: Flight, working_set: WorkingSet) -> bool:
    """Return whether the free seats suffice for the party, at a total cost that can be recorded."""
    if party.seats > working_set.seats[flight.id].free:
        return False
    try:
        flight.price.times(party.seats)
    except ValueError:
        return False
    return True
