"""Waiting lists in the second pass: every offer is a hold, and no party was passed over."""

from collections.abc import Iterable
from datetime import datetime
from heapq import heappop, heappush
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from audit.verify.divergence import ReportDivergence
from domain.booking import Booking
from domain.waiting import WaitingParty


class _Hold(NamedTuple):
    flight_id: UUID
    user_id: str
    seats: int
    expires_at: datetime


class _Party:
    """A waiting party. `ended_at` is the position of its offer, leaving or closing; 0 while it waits."""

    __slots__ = ("booking_id", "ended_at", "expires_at", "id", "joined_at", "seats", "user_id")

    def __init__(self, party: WaitingParty, position: int) -> None:
        self.id = party.id
        self.user_id = party.user_id
        self.seats = party.seats
        self.joined_at = position
        self.ended_at = 0
        self.booking_id: UUID | None = None
        self.expires_at: datetime | None = None


class WaitingLists:
    """Waiting parties of all flights, collected from streams in any order. Memory grows with the parties."""

    def __init__(self) -> None:
        self._waiting_lists: dict[UUID, list[_Party]] = {}
        self._holds: dict[UUID, tuple[int, _Hold]] = {}

    def follow(self, party: WaitingParty, position: int) -> None:
        """Record a party right after its event at that position. Events of a party are consecutive."""
        waiting_list = self._waiting_lists.setdefault(party.flight_id, [])
        if party.version == 1:
            waiting_list.append(_Party(party, position))
        elif not waiting_list[-1].ended_at:
            last = waiting_list[-1]
            last.ended_at, last.booking_id = position, party.booking_id
            last.expires_at = party.offer_expires_at

    def follow_hold(self, booking: Booking, position: int) -> None:
        """Record a booking that the ledger made at that position for an offer."""
        hold = _Hold(booking.flight_id, booking.user_id, booking.seats, booking.expires_at)
        self._holds[booking.id] = position, hold

    def join(self, other: "WaitingLists") -> None:
        """Add the parties and holds of other streams."""
        for flight_id, waiting_list in other._waiting_lists.items():
            self._waiting_lists.setdefault(flight_id, []).extend(waiting_list)
        self._holds |= other._holds

    def check(self, cancelled: Iterable[UUID], report: ReportDivergence) -> None:
        for flight_id in cancelled:
            for party in self._waiting_lists.get(flight_id, ()):
                if not party.ended_at:
                    report(party.joined_at, f"flight {flight_id} is cancelled, and {party.id} waits for it")
        for flight_id, waiting_list in self._waiting_lists.items():
            self._check_offers(flight_id, waiting_list, report)
            _check_order(waiting_list, report)
        for booking_id, (position, _) in self._holds.items():
            report(position, f"{booking_id} was made for an offer that nobody had")

    def _check_offers(self, flight_id: UUID, waiting_list: list[_Party], report: ReportDivergence) -> None:
        for party in waiting_list:
            if party.booking_id is None or party.expires_at is None:
                continue
            _, held = self._holds.pop(party.booking_id, (0, None))
            if held != _Hold(flight_id, party.user_id, party.seats, party.expires_at):
                report(party.ended_at, f"{party.id} was offered {party.booking_id}, which is no such hold")


def _check_order(waiting_list: list[_Party], report: ReportDivergence) -> None:
    """Check the skip rule: at an offer, no earlier party of the same or a smaller size still waits."""
    ended = sorted((party for party in waiting_list if party.ended_at), key=attrgetter("ended_at"))
    joining = sorted(waiting_list, key=attrgetter("joined_at"), reverse=True)
    # One heap a size, the earliest party first; ended parties are removed when they reach the top.
    first: dict[int, list[tuple[int, int]]] = {}
    for party in ended:
        while joining and joining[-1].joined_at < party.ended_at:
            one = joining.pop()
            heappush(first.setdefault(one.seats, []), (one.joined_at, one.ended_at))
        for seats, waiting in first.items():
            while waiting and 0 < waiting[0][1] <= party.ended_at:
                heappop(waiting)
            if party.booking_id and seats <= party.seats and waiting and waiting[0][0] < party.joined_at:
                report(party.ended_at, f"{party.id} is offered seats, and a party before it is passed over")
