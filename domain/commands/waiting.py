"""Commands about waiting parties."""

from domain.commands.base import FlightCommand, WaitingCommand
from domain.commands.fields import PartySize, UserId
from domain.read_set import ReadSet


class JoinWaitlist(FlightCommand):
    OPERATION = "join_waitlist"
    MOVES_SEATS = True

    user_id: UserId
    seats: PartySize

    def add_reads(self, read_set: ReadSet) -> None:
        super().add_reads(read_set)
        read_set.add_seats_needed(self.flight_id, self.seats)


class LeaveWaitlist(WaitingCommand):
    OPERATION = "leave_waitlist"


class OfferSeats(WaitingCommand):
    OPERATION = "offer_seats"


class HoldOffer(WaitingCommand):
    OPERATION = "hold_offer"


class CloseWaiting(WaitingCommand):
    OPERATION = "close_waiting"
