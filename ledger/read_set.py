"""What a block wants to know before it decides: read off its commands."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from domain.commands import (
    FLIGHT_SEATS_MAX,
    CancelBooking,
    CancelFlight,
    CancelWithFlight,
    CapturePayment,
    ChangeFlightSeats,
    CloseWaiting,
    ExpireHold,
    InitiateBooking,
    JoinWaitlist,
    LeaveWaitlist,
    PayBooking,
    RecordPayment,
    RecordRefund,
    ReduceSeats,
    RepriceFlight,
    ScheduleFlight,
    SettleRefund,
    VoidPayment,
)
from domain.working_set import NaturalKey
from ledger.submission import CommandKey, Submission
from ledger.waiting_list import MOVES_SEATS_OF_BOOKING, MOVES_SEATS_OF_FLIGHT


@dataclass(slots=True)
class ReadSet:
    """What the commands of a block touch.

    `captures` are bookings that may need their seats again, `refunds` stand for their bookings, and `emptied`
    are flights whose live bookings are all touched. `lines` stand for flights whose seats may be taken or
    come free, so that it matters who waits for them: flights, bookings, and entries on their lists.
    """

    keys: list[CommandKey] = field(default_factory=list)
    flights: set[UUID] = field(default_factory=set)
    bookings: set[UUID] = field(default_factory=set)
    seats_needed: dict[UUID, int] = field(default_factory=dict)
    captures: set[UUID] = field(default_factory=set)
    refunds: set[UUID] = field(default_factory=set)
    emptied: set[UUID] = field(default_factory=set)
    natural_keys: set[NaturalKey] = field(default_factory=set)
    parties: set[UUID] = field(default_factory=set)
    lines: tuple[set[UUID], set[UUID], set[UUID]] = field(default_factory=lambda: (set(), set(), set()))

    @property
    def names_flights_indirectly(self) -> bool:
        """By bookings and waiting parties, whose flights only the database knows?"""
        return bool(self.captures or self.lines[1] or self.lines[2])

    @classmethod
    def by(cls, submissions: Iterable[Submission]) -> Self:
        wanted = cls()
        for submission in submissions:
            wanted.keys.append(submission.command_key)
            if isinstance(submission.command, MOVES_SEATS_OF_FLIGHT):
                wanted.lines[0].add(submission.command.flight_id)
            elif isinstance(submission.command, MOVES_SEATS_OF_BOOKING):
                wanted.lines[1].add(submission.command.booking_id)
            match submission.command:
                case InitiateBooking(flight_id=flight_id, seats=seats):
                    wanted.flights.add(flight_id)
                    wanted.seats_needed[flight_id] = wanted.seats_needed.get(flight_id, 0) + seats
                case ChangeFlightSeats(flight_id=flight_id):
                    wanted.flights.add(flight_id)
                    wanted.seats_needed[flight_id] = FLIGHT_SEATS_MAX
                case RepriceFlight(flight_id=flight_id):
                    wanted.flights.add(flight_id)
                case CancelFlight(flight_id=flight_id):
                    wanted.flights.add(flight_id)
                    wanted.emptied.add(flight_id)
                case CapturePayment(booking_id=booking_id) | RecordPayment(booking_id=booking_id):
                    wanted.bookings.add(booking_id)
                    wanted.captures.add(booking_id)
                case PayBooking() | VoidPayment() | ReduceSeats() | CancelBooking():
                    wanted.bookings.add(submission.command.booking_id)
                case ExpireHold() | CancelWithFlight():
                    wanted.bookings.add(submission.command.booking_id)
                case SettleRefund(refund_id=refund_id) | RecordRefund(refund_id=refund_id):
                    wanted.refunds.add(refund_id)
                case JoinWaitlist(flight_id=flight_id, seats=seats):
                    wanted.flights.add(flight_id)
                    wanted.seats_needed[flight_id] = wanted.seats_needed.get(flight_id, 0) + seats
                case LeaveWaitlist() | CloseWaiting():
                    wanted.parties.add(submission.command.waiting_id)
                    wanted.lines[2].add(submission.command.waiting_id)
                case ScheduleFlight() as command:
                    wanted.natural_keys.add((command.number, command.origin, command.departure_day))
        return wanted
