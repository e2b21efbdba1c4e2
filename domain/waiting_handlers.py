"""What the commands of the waiting list do; rows of `domain.handlers.HANDLERS`."""

from domain.booking import Booking
from domain.caller import CommandContext
from domain.commands import CloseWaiting, HoldOffer, JoinWaitlist, LeaveWaitlist, OfferSeats
from domain.flight import Flight, FlightStatus
from domain.refusals import (
    AlreadyWaiting,
    NotWaiting,
    NotYourAccount,
    PartyLargerThanFlight,
    SeatsAvailable,
    WaitingListFull,
    WaitingPartyNotFound,
)
from domain.waiting import WAITING_MAX, CloseReason, WaitingParty, WaitingStatus, id_behind
from domain.working_set import WorkingSet

_CLOSES = {
    FlightStatus.CANCELLED: CloseReason.FLIGHT_CANCELLED,
    FlightStatus.DEPARTED: CloseReason.FLIGHT_DEPARTED,
}


def join_waitlist(command: JoinWaitlist, asked: CommandContext, world: WorkingSet) -> WaitingParty:
    """Due holds are expired, and those who wait already are served, before this is decided."""
    if not asked.caller.may_act_for(command.user_id):
        raise NotYourAccount
    flight = world.flight(command.flight_id)
    flight.require_bookable(world.now)
    seats, free, line = command.seats, world.seats[flight.id].free, world.line(flight.id)
    if seats <= free:
        raise SeatsAvailable(f"{seats} asked for, {free} free.", asked=seats, free=free)
    for party in line:
        if party.user_id == command.user_id:
            raise AlreadyWaiting(waiting_id=party.id)
    if seats > flight.seats:
        raise PartyLargerThanFlight(asked=seats, seats=flight.seats)
    if len(line) >= WAITING_MAX:
        raise WaitingListFull(waiting=len(line))
    id = id_behind(line[-1] if line else None, world.new_id(), world.now)
    party = WaitingParty.join(id=id, flight_id=flight.id, user_id=command.user_id, seats=seats, now=world.now)
    party.place = len(line) + 1
    world.add(party)
    return party


def leave_waitlist(command: LeaveWaitlist, asked: CommandContext, world: WorkingSet) -> WaitingParty:
    """Somebody else's entry is answered exactly like an unknown one."""
    party = world.party(command.waiting_id)
    if not asked.caller.may_act_for(party.user_id):
        raise WaitingPartyNotFound(waiting_id=command.waiting_id)
    asked.require_version(party)
    if party.is_waiting and world.flights[party.flight_id].status(world.now) in _CLOSES:
        # As it reads from the departure on, whether or not anybody has closed it.
        raise NotWaiting(waiting_id=party.id, was=WaitingStatus.CLOSED)
    party.leave(world.now)
    return party


def offer_seats(command: OfferSeats, asked: CommandContext, world: WorkingSet) -> WaitingParty:
    """The block has checked `may_be_offered`, and gives this command and `hold_offer` together."""
    party = world.party(command.waiting_id)
    party.offer(world.new_id(), world.now + world.terms.offer_window, world.now)
    return party


def hold_offer(command: HoldOffer, asked: CommandContext, world: WorkingSet) -> Booking:
    """The hold that was offered, at the price of this moment."""
    party = world.waiting[command.waiting_id]
    flight = world.flights[party.flight_id]
    assert party.booking_id is not None
    assert party.offer_expires_at is not None
    booking = Booking.initiate(
        id=party.booking_id,
        flight_id=flight.id,
        user_id=party.user_id,
        seats=party.seats,
        total_cost=flight.price.times(party.seats),
        expires_at=party.offer_expires_at,
        now=world.now,
    )
    world.add(booking)
    return booking


def close_waiting(command: CloseWaiting, asked: CommandContext, world: WorkingSet) -> WaitingParty:
    party = world.party(command.waiting_id)
    party.close(_CLOSES.get(world.flights[party.flight_id].status(world.now)), world.now)
    return party


def may_be_offered(party: WaitingParty, flight: Flight, world: WorkingSet) -> bool:
    """Does the party fit into what is free now, at a price that money can say?"""
    if party.seats > world.seats[flight.id].free:
        return False
    try:
        flight.price.times(party.seats)
    except ValueError:
        return False
    return True
